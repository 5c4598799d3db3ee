//! The flags of `verify-notification` and `serve-notifications`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::objects::OutputArgs;
use super::run::listen;

/// How notifications are signed.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SignatureArgs {
    /// File with the sign key, as the Secret has it; several while a key is replaced
    #[arg(long, env, value_name = "FILE", value_delimiter = ',')]
    pub key_file: Vec<PathBuf>,
    /// How notifications are signed, as spec.signType says
    #[arg(
        long,
        env,
        value_name = "TYPE",
        default_value = "HMACSHA256",
        value_enum
    )]
    pub sign_type: SignTypeArg,
}

/// The words of `spec.signType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignTypeArg {
    /// Covers what is said.
    #[value(name = "HMACSHA256")]
    HmacSha256,
    /// Covers the time alone.
    #[value(name = "MD5")]
    Md5,
}

/// One notification.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct VerifyArgs {
    /// File with the body as it was received; - is stdin
    #[arg(default_value = "-", value_name = "FILE")]
    pub file: PathBuf,
    /// With which key.
    #[command(flatten)]
    pub signature: SignatureArgs,
    /// Take a signature that has expired
    #[arg(long)]
    pub any_age: bool,
    /// How to print what it says.
    #[command(flatten)]
    pub print: OutputArgs,
}

/// A receiver.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ServeArgs {
    /// Address to receive at; [::] is 0.0.0.0 where IPv6 is off
    #[arg(long, env, value_name = "ADDRESS", default_value = "[::]:8081", value_parser = listen)]
    pub listen: SocketAddr,
    /// With which key; without one nothing is verified.
    #[command(flatten)]
    pub signature: SignatureArgs,
}

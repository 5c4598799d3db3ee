//! The flags of `verify-notification` and `serve-notifications`. Grammar and checks only.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use http::Uri;

use super::objects::OutputArgs;
use super::run::listen;
use super::{ClusterArgs, names};

/// How notifications are signed, and what they may be about.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct SignatureArgs {
    /// File with the sign key, as the Secret has it, or directory of such files; several while a key is replaced
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub key_file: Vec<PathBuf>,
    /// How notifications are signed, as spec.signType says
    #[arg(long, value_name = "TYPE", default_value = "HMACSHA256", value_enum)]
    pub sign_type: SignTypeArg,
    /// Ingest domains that a notification may be about, separated by commas [default: any]
    #[arg(long, value_name = "DOMAINS", value_delimiter = ',')]
    pub domain: Vec<String>,
    /// Apps that a notification may be about, separated by commas [default: any]
    #[arg(long, value_name = "APPS", value_delimiter = ',')]
    pub app: Vec<String>,
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
    #[arg(long, value_name = "ADDRESS", default_value = "[::]:8081", value_parser = listen)]
    pub listen: SocketAddr,
    /// With which key; without one nothing is verified.
    #[command(flatten)]
    pub signature: SignatureArgs,
    /// File with the certificate and those of its authorities, in PEM: receive by HTTPS; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key_file")]
    pub tls_cert_file: Option<PathBuf>,
    /// File with the certificate's private key, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert_file")]
    pub tls_key_file: Option<PathBuf>,
    /// Compare with the `RecordingCallbacks` of this namespace: only what one of them stands for is taken
    #[arg(short, long, value_name = "NAME", value_parser = names::label)]
    pub namespace: Option<String>,
    /// Compare with the `RecordingCallbacks` of every namespace
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Which cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
    /// Command for sh that gets each notification that is taken, as JSON on stdin; tried 5 times until it ends with 0
    #[arg(long, value_name = "COMMAND", conflicts_with = "forward")]
    pub exec: Option<String>,
    /// URL that each notification that is taken is posted to; tried 5 times until it answers 2xx
    #[arg(long, value_name = "URL", value_parser = forward_url)]
    pub forward: Option<Uri>,
    /// How to print what came
    #[arg(short, long, value_name = "FORMAT", default_value = "line", value_enum)]
    pub output: ReceiptFormat,
}

/// How a receiver prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReceiptFormat {
    /// For people.
    Line,
    /// For programs: an object on a line of its own.
    Json,
}

/// An absolute URL without credentials: they would be seen in the list of processes.
fn forward_url(text: &str) -> Result<Uri, String> {
    let rule = "write http:// or https://, a host and a path, without user info";
    let url: Uri = text.parse().map_err(|error| format!("{rule}: {error}"))?;
    let is_web = matches!(url.scheme_str(), Some("http" | "https"));
    let has_user = url
        .authority()
        .is_none_or(|authority| authority.as_str().contains('@'));
    if !is_web || has_user {
        return Err(rule.to_owned());
    }
    Ok(url)
}

//! The program `live-simulator`: a simulated cloud on a port, with a control interface on another.
//! Prints one line of JSON with its addresses, then serves until it is stopped.

use std::error::Error;
use std::io;
use std::io::Write;
use std::net::SocketAddr;

use clap::Parser;
use live_simulator::KnownCredential;
use live_simulator::Listen;
use live_simulator::Simulator;
use live_simulator::SimulatorSettings;
use serde_json::Value;
use serde_json::json;

/// A strict simulator of the recording-callback API of Huawei Cloud Live and of IAM.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address of the simulated cloud; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Address of the control interface; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Serves TLS with a certificate of a throw-away authority, which is printed.
    #[arg(long)]
    tls: bool,
    /// A name for the certificate beside localhost and 127.0.0.1; may be repeated.
    #[arg(long, value_delimiter = ',')]
    name: Vec<String>,
    /// An access key with its secret key and project; may be repeated.
    #[arg(long, value_name = "AK:SK:PROJECT_ID", value_delimiter = ',', value_parser = credential)]
    credential: Vec<KnownCredential>,
    /// Settings that differ from the defaults, as a JSON object.
    #[arg(long, default_value = "{}", value_parser = settings)]
    settings: SimulatorSettings,
}

fn credential(text: &str) -> Result<KnownCredential, String> {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        [access_key, secret_key, project] => {
            Ok(KnownCredential::new(access_key, secret_key, project))
        }
        _ => Err("expected AK:SK:PROJECT_ID".to_owned()),
    }
}

fn settings(text: &str) -> Result<SimulatorSettings, String> {
    let changes: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    SimulatorSettings::default().merged(&changes)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let listen = Listen {
        address: arguments.listen,
        control: Some(arguments.control),
        tls: arguments.tls,
        names: arguments.name,
    };
    let simulator = Simulator::start_on(&listen, arguments.settings)?;
    for credential in arguments.credential {
        simulator.add_credential(credential);
    }
    let started = json!({
        "endpoint": simulator.endpoint(),
        "iam_endpoint": simulator.iam_endpoint(),
        "control": simulator.control_endpoint(),
        "ca_pem": simulator.authority_pem(),
    });
    writeln!(io::stdout(), "{started}")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(tokio::signal::ctrl_c())?;
    Ok(())
}

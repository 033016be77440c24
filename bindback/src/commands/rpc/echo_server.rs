//! `bindback rpc echo-server`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use server::rpc_tools::{EchoError, EchoServer, EchoSettings};

use crate::failure::{Found, Usage, chain};
use crate::output::Output;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bindback rpc echo-server --address 127.0.0.1 --accounts accounts.txt --name ECHO\n\nThe accounts file holds lines DOMAIN\\NAME:PASSWORD and nobody else may read it (mode 0600). Port 135 needs root or CAP_NET_BIND_SERVICE. SIGTERM ends the server."
)]
pub struct Arguments {
    /// The address to listen on
    #[arg(long, value_name = "IP")]
    address: IpAddr,
    /// The port of the endpoint mapper
    #[arg(long, value_name = "PORT", default_value_t = 135)]
    mapper_port: u16,
    /// The accounts that may log on: lines DOMAIN\NAME:PASSWORD, mode 0600
    #[arg(long, value_name = "FILE")]
    accounts: PathBuf,
    /// Serve Kerberos with the keys of this keytab, of one or several principals
    #[arg(long, value_name = "FILE")]
    keytab: Option<PathBuf>,
    /// NetBIOS name of the domain [default: that of the first account]
    #[arg(long, value_name = "DOMAIN", hide_default_value = true)]
    domain: Option<String>,
    /// DNS name of the domain, the realm of Kerberos
    #[arg(long, value_name = "REALM")]
    realm: Option<String>,
    /// NetBIOS name of the server
    #[arg(long, value_name = "NAME", default_value = "BINDBACK")]
    name: String,
    /// Serve an interface that test suites ask for
    #[arg(long, value_name = "INTERFACE")]
    test_interface: Option<TestInterface>,
    /// Write this file once the server listens
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TestInterface {
    /// One operation of netlogon, without any logon
    Netlogon,
}

pub async fn run(arguments: Arguments, output: &Output) -> anyhow::Result<Found> {
    let Arguments { address, mapper_port, accounts, domain, realm, name, .. } = arguments;
    let server = EchoServer::open(EchoSettings {
        address,
        mapper_port,
        accounts,
        keytab: arguments.keytab,
        domain,
        realm,
        name,
        netlogon: arguments.test_interface == Some(TestInterface::Netlogon),
        ready_file: arguments.ready_file,
    })
    .map_err(|error| match error {
        // A file that cannot be used is wrong usage: exit status 2.
        EchoError::Accounts(fault) => Usage(chain(&fault)).into(),
        EchoError::Keytab(fault) => Usage(chain(&fault)).into(),
        other => anyhow::Error::from(other),
    })?;
    let (mapper, interfaces) = server.ports()?;
    output.narrate(&format!("endpoint mapper and mgmt on {mapper}, echo and mgmt on {interfaces}"));
    server.run().await?;
    Ok(Found::Nothing)
}

//! `ordain dev`: a working DNS service with nothing to set up.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use ordain::config_load::Sources;
use ordain::deployment::{Deployment, Edges, ServiceKind};
use ordain::telemetry;

use super::serve::run_until_stopped;
use super::stop::Signals;

/// Everything in one process: SQLite, in-process messages, no authentication, the built-in name server.
#[derive(Debug, Args)]
pub(super) struct Dev {
    /// Where the database and everything else is kept; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "ordain-data")]
    data_dir: PathBuf,
    /// Where the API listens; 127.0.0.1:9001 if not given.
    #[arg(long, value_name = "ADDR")]
    api: Option<SocketAddr>,
    /// Where the name server listens, UDP and TCP; 127.0.0.1:5354 if not given.
    #[arg(long, value_name = "ADDR")]
    dns: Option<SocketAddr>,
}

impl Dev {
    pub(super) fn run(self) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.data_dir)
            .with_context(|| format!("cannot make the folder {}", self.data_dir.display()))?;
        let mut config = Sources::dev(&self.data_dir).load()?;
        config.api.listen = self.api.map_or(config.api.listen, |address| vec![address]);
        config.mdns.listen = self.dns.map_or(config.mdns.listen, |address| vec![address]);
        telemetry::init(&config.log)?;
        super::in_system(async move {
            let signals = Signals::new()?;
            let deployment = Deployment::start(config, &ServiceKind::ALL, Edges::real()).await?;
            self.greet(&deployment);
            run_until_stopped(deployment, signals).await
        })
    }

    /// What to try next, in commands that work when pasted.
    fn greet(&self, deployment: &Deployment) {
        let (Some(api), Some(dns)) = (deployment.api_address(), deployment.dns_address()) else { return };
        let (host, port, data) = (dns.ip(), dns.port(), self.data_dir.display());
        let greeting = format!(
            "\
Ordain is ready: API http://{api}, DNS {dns} (UDP and TCP), data in {data}.
In another terminal:

  curl -s http://{api}/v2/zones -H 'Content-Type: application/json' \\
       -d '{{\"name\": \"example.org.\", \"email\": \"admin@example.org\"}}'
  dig @{host} -p {port} example.org SOA +short

  export OS_AUTH_TYPE=none OS_ENDPOINT=http://{api}/v2
  openstack recordset create example.org. www --type A --record 192.0.2.1
  dig @{host} -p {port} www.example.org +short

Stop with Ctrl-C; everything is kept for the next start.
"
        );
        if let Err(error) = super::say(greeting) {
            tracing::warn!(error = format!("{error:#}"), "nobody reads what to try next");
        }
    }
}

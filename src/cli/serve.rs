//! `ordain serve`: any subset of the services in this process.

use clap::Args;
use ordain::deployment::{Deployment, Edges, ServiceKind};
use ordain::telemetry;

use super::Configured;
use super::stop::{Asked, Signals};

/// Any subset of the services, as a configuration file says.
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    from: Configured,
    /// Services to run here; all of them if not given.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    services: Vec<ServiceKind>,
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let config = self.from.load()?;
        telemetry::init(&config.log)?;
        let services = if self.services.is_empty() { ServiceKind::ALL.to_vec() } else { self.services };
        super::in_system(async move {
            let signals = Signals::new()?;
            let deployment = Deployment::launch(config, &services, Edges::real()).await?;
            run_until_stopped(deployment, signals).await
        })
    }
}

/// Runs until a signal says to stop; then drains, unless another signal says at once. A start that fails on the way ends
/// it, too.
pub(super) async fn run_until_stopped(
    mut deployment: Deployment,
    mut signals: Signals,
) -> anyhow::Result<()> {
    let mut ready = false;
    let outcome = loop {
        let asked = tokio::select! {
            started = deployment.ready(), if !ready => {
                if let Err(error) = started {
                    break Err(error);
                }
                ready = true;
                let (api, dns) = (deployment.api_address(), deployment.dns_address());
                tracing::info!(?api, ?dns, "ready");
                continue;
            }
            asked = signals.next() => asked,
        };
        match asked {
            Asked::Stop => break Ok(()),
            Asked::Reload => match deployment.reload().await {
                Ok(()) => tracing::info!("policy and pools were read again"),
                Err(error) => {
                    let error = format!("{:#}", anyhow::Error::from(error));
                    tracing::error!(error, "the reload failed; everything stays as it was");
                }
            },
        }
    };
    tracing::info!("draining; a second signal stops at once");
    tokio::select! {
        () = deployment.drain() => tracing::info!("drained"),
        () = signals.stop() => tracing::warn!("stopped without draining"),
    }
    Ok(outcome?)
}

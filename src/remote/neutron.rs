//! Neutron v2.0: which floating IPs a project has.
//!
//! Asked with the caller's own token, so that it decides what the caller may see, and with the project, since administrators
//! see more. Invariants: a list is complete or an error; a region that does not answer fails the question, soon; the token
//! goes to the addresses of the configuration or of the token's own catalogue and nowhere else.

use std::sync::{Arc, OnceLock};

use futures::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::http::{Answer, Ask, HttpClient, HttpError, Token, TrustError, encoded};
use crate::config::NeutronConfig;
use crate::domain::credentials::Catalogue;
use crate::domain::floating_ip::{Address, FloatingIp};
use crate::domain::ids::{FloatingIpId, ProjectId};

/// What the service is called in catalogues.
const SERVICE: &str = "network";
/// Regions asked at once.
const AT_ONCE: usize = 5;
/// Floating IPs asked for at once, and how many times.
const PAGE: usize = 500;
const MOST_PAGES: usize = 1000;
/// The pause before a question that nobody took is asked again.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Nobody knows which floating IPs there are.
#[derive(Debug, thiserror::Error)]
pub enum NeutronError {
    /// There is no network service for this caller.
    #[error("there is no network service")]
    NoEndpoint,
    /// It does not answer.
    #[error("the network service of {region} does not answer: {cause}")]
    Silent {
        /// The region.
        region: String,
        /// How.
        cause: HttpError,
    },
    /// It answers something else than it should.
    #[error("the network service of {region} answers {status}")]
    Unexpected {
        /// The region.
        region: String,
        /// The status.
        status: u16,
    },
    /// An answer is not understood.
    #[error("the answer of the network service of {region} is not understood")]
    Unreadable {
        /// The region.
        region: String,
    },
    /// There are no authorities to know it by.
    #[error("the network service cannot be known by its certificate")]
    NoClient,
    /// There are too many questions under way.
    #[error("too many questions to the network service are under way")]
    Busy,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Asker {
    /// His token, if he has one that the network service would know.
    pub token: Option<Token>,
    /// Where he finds the service.
    pub catalogue: Arc<Catalogue>,
    /// The project whose floating IPs are asked for.
    pub project: ProjectId,
}

/// A client of the network services of all regions; cheap to clone.
#[derive(Debug, Clone)]
pub struct Neutron {
    /// Made with the first question, unless a file has to be looked at before.
    http: Arc<OnceLock<Option<HttpClient>>>,
    config: Arc<NeutronConfig>,
    runtime: Handle,
    under_way: Arc<Semaphore>,
}

/// One region's service.
#[derive(Debug, Clone)]
struct Region {
    name: String,
    url: String,
}

#[derive(Deserialize)]
struct Listed {
    floatingips: Vec<Item>,
    #[serde(default, rename = "floatingips_links")]
    links: Vec<Link>,
}

#[derive(Deserialize)]
struct Item {
    id: String,
    floating_ip_address: String,
    project_id: Option<String>,
    tenant_id: Option<String>,
}

#[derive(Deserialize)]
struct Link {
    rel: String,
}

impl Neutron {
    /// A client as configured, whose connections live on `runtime`. The service need not be there yet.
    ///
    /// # Errors
    /// If the file of authorities cannot be used.
    pub fn new(config: NeutronConfig, runtime: Handle) -> Result<Self, TrustError> {
        let http = match &config.ca_file {
            Some(file) => OnceLock::from(Some(HttpClient::new(Some(file), config.timeout)?)),
            None => OnceLock::new(),
        };
        let under_way = Arc::new(Semaphore::new(config.max_requests));
        Ok(Self { http: Arc::new(http), config: Arc::new(config), runtime, under_way })
    }

    /// The floating IPs of the asker's project, and the regions that were asked.
    ///
    /// # Errors
    /// If one region does not tell.
    pub async fn floating_ips(&self, asker: Asker) -> Result<(Vec<FloatingIp>, Vec<String>), NeutronError> {
        let regions = self.regions(&asker.catalogue)?;
        let names = regions.iter().map(|region| region.name.clone()).collect();
        let lists: Vec<Vec<FloatingIp>> = futures::stream::iter(regions)
            .map(|region| self.asked(region, asker.clone(), None))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        Ok((lists.into_iter().flatten().collect(), names))
    }

    /// The floating IP of the asker's project with this id; `None` if the region certainly has none, or there is no
    /// such region.
    ///
    /// # Errors
    /// If the region does not tell.
    pub async fn floating_ip(
        &self,
        asker: Asker,
        region: &str,
        id: FloatingIpId,
    ) -> Result<Option<FloatingIp>, NeutronError> {
        let Some(region) = self.regions(&asker.catalogue)?.into_iter().find(|known| known.name == region)
        else {
            return Ok(None);
        };
        let found = self.asked(region, asker, Some(id)).await?;
        Ok(found.into_iter().find(|ip| ip.id == id))
    }

    /// Where the service is; each region once.
    fn regions(&self, catalogue: &Catalogue) -> Result<Vec<Region>, NeutronError> {
        let configured = self.config.endpoints.iter().map(|at| (&at.region, &at.url));
        let listed =
            catalogue.find(SERVICE, self.config.endpoint_type.word()).map(|at| (&at.region, &at.url));
        let mut regions: Vec<Region> = Vec::new();
        for (name, url) in configured.chain(listed.filter(|_| self.config.endpoints.is_empty())) {
            if regions.iter().all(|known| known.name != *name) {
                let url = url.trim_end_matches('/').trim_end_matches("/v2.0").to_owned();
                regions.push(Region { name: name.clone(), url });
            }
        }
        if regions.is_empty() { Err(NeutronError::NoEndpoint) } else { Ok(regions) }
    }

    /// Asks a region on the client's own runtime, whoever goes away meanwhile.
    async fn asked(
        &self,
        region: Region,
        asker: Asker,
        only: Option<FloatingIpId>,
    ) -> Result<Vec<FloatingIp>, NeutronError> {
        let Ok(permit) = Arc::clone(&self.under_way).try_acquire_owned() else {
            return Err(NeutronError::Busy);
        };
        let (client, name) = (self.clone(), region.name.clone());
        let asking = self.runtime.spawn(async move {
            let answer = client.ask(&region, &asker, only).await;
            drop(permit);
            answer
        });
        asking.await.unwrap_or(Err(NeutronError::Unreadable { region: name }))
    }

    async fn ask(
        &self,
        region: &Region,
        asker: &Asker,
        only: Option<FloatingIpId>,
    ) -> Result<Vec<FloatingIp>, NeutronError> {
        let unreadable = || NeutronError::Unreadable { region: region.name.clone() };
        let limit = self.config.timeout;
        let all = async {
            let mut found: Vec<FloatingIp> = Vec::new();
            let mut marker: Option<String> = None;
            for _ in 0..MOST_PAGES {
                let answer = self.page(region, asker, only, marker.as_deref()).await?;
                let page: Listed = serde_json::from_slice(&answer.body).map_err(|_| unreadable())?;
                marker = page.floatingips.last().map(|item| item.id.clone());
                let has_more = page.links.iter().any(|link| link.rel == "next");
                for item in page.floatingips {
                    found.extend(read(item, region, &asker.project).ok_or_else(unreadable)?);
                }
                if !has_more || marker.is_none() {
                    return Ok(found);
                }
            }
            Err(unreadable())
        };
        let silent =
            || NeutronError::Silent { region: region.name.clone(), cause: HttpError::Timeout { limit } };
        tokio::time::timeout(limit, all).await.unwrap_or_else(|_| Err(silent()))
    }

    /// Some of the floating IPs, asked for again while nobody takes the question.
    async fn page(
        &self,
        region: &Region,
        asker: &Asker,
        only: Option<FloatingIpId>,
        marker: Option<&str>,
    ) -> Result<Answer, NeutronError> {
        let mut url = format!(
            "{}/v2.0/floatingips?project_id={}&fields=id&fields=floating_ip_address&fields=project_id\
             &sort_key=id&sort_dir=asc&limit={PAGE}",
            region.url,
            encoded(asker.project.as_str())
        );
        if let Some(id) = only {
            url.push_str(&format!("&id={id}"));
        }
        if let Some(marker) = marker {
            url.push_str(&format!("&marker={}", encoded(marker)));
        }
        let client = || HttpClient::new(None, self.config.timeout).ok();
        let Some(http) = self.http.get_or_init(client) else { return Err(NeutronError::NoClient) };
        let mut tries = 0;
        loop {
            let headers = asker.token.iter().map(Token::header).collect();
            let answered = http.send(Ask { url: url.clone(), headers, ..Ask::default() }).await;
            let may_pass = match &answered {
                Ok(answer) => matches!(answer.status.as_u16(), 502..=504),
                Err(HttpError::Failed { .. }) => true,
                Err(HttpError::Timeout { .. } | HttpError::Address) => false,
            };
            if may_pass && tries < self.config.retries {
                tries += 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            let answer =
                answered.map_err(|cause| NeutronError::Silent { region: region.name.clone(), cause })?;
            return match answer.status.as_u16() {
                200 => Ok(answer),
                status => Err(NeutronError::Unexpected { region: region.name.clone(), status }),
            };
        }
    }
}

/// The floating IP; none if it is of another project, `None` if it cannot be understood.
fn read(item: Item, region: &Region, project: &ProjectId) -> Option<Option<FloatingIp>> {
    let mut owners = item.project_id.into_iter().chain(item.tenant_id);
    if owners.any(|owner| owner != project.as_str()) {
        return Some(None);
    }
    let address: std::net::IpAddr = item.floating_ip_address.parse().ok()?;
    Some(Some(FloatingIp {
        region: region.name.clone(),
        id: item.id.parse().ok()?,
        address: Address::from(address),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floating_ip_of_somebody_else_is_left_out_and_nonsense_is_an_error() {
        let region = Region { name: "R".into(), url: String::new() };
        let project = ProjectId::new("p");
        let item = |id: &str, address: &str, owner: Option<&str>| Item {
            id: id.into(),
            floating_ip_address: address.into(),
            project_id: owner.map(str::to_owned),
            tenant_id: None,
        };
        let id = "5f1e9c54-8f0a-4e65-8a6f-0b9d8d7c6b5a";
        assert!(read(item(id, "203.0.113.4", Some("p")), &region, &project).unwrap().is_some());
        assert!(read(item(id, "2001:db8::4", None), &region, &project).unwrap().is_some());
        assert!(read(item(id, "203.0.113.4", Some("q")), &region, &project).unwrap().is_none());
        assert!(read(item("x", "203.0.113.4", Some("p")), &region, &project).is_none());
        assert!(read(item(id, "203.0.113", Some("p")), &region, &project).is_none());
    }
}

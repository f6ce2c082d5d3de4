//! How a cluster comes to be.
//!
//! **Invariants**: a cluster is made only of nodes that all answered, and that all gave themselves to it durably before its
//! first entry is written. A node gives itself to one cluster only, so two attempts at once cannot both succeed, and
//! neither can two clusters share a node. Who founds writes down which cluster of whom before anybody gives itself to it,
//! and goes on from there after a crash: it ends with the cluster, or with all of them free again.
use std::collections::BTreeMap;

use super::{
    founding::Founding,
    network::CallError,
    node::Node,
    operate::failed,
    operation::OperateError,
    peer::{Refusal, Request, Response},
    types::{ClusterId, NodeId, Peer},
};
use crate::chance;

impl Node {
    /// Makes a cluster of this node and the others; goes on with what an earlier attempt has begun.
    pub(super) async fn init(&self, peers: Vec<Peer>) -> Result<ClusterId, OperateError> {
        let _one_at_a_time = self.founding.lock().await;
        let mut founding = self.begun().await?;
        match self.found(&mut founding, peers).await {
            Ok(cluster) => {
                self.founding_file.save(None).await.map_err(failed)?;
                Ok(cluster)
            }
            Err(error) => {
                // Whoever does not answer may have given itself to the cluster: it is asked for until it says so.
                if !matches!(error, OperateError::Silent { .. }) || founding.members.is_empty() {
                    self.abandon(&founding).await;
                }
                Err(error)
            }
        }
    }

    /// Whether this node has begun to found a cluster and has not finished.
    #[must_use]
    pub fn is_founding(&self) -> bool {
        self.founding_file.is_there()
    }

    /// Whether this node has a part in a cluster that exists.
    #[must_use]
    pub fn is_member(&self) -> bool {
        self.log.summary().cluster.is_some() && !self.is_pristine()
    }

    /// What an earlier attempt has written down, or the plan of a new cluster.
    async fn begun(&self) -> Result<Founding, OperateError> {
        let own = self.log.summary().cluster;
        match (self.founding_file.read().await.map_err(failed)?, own) {
            (Some(founding), Some(own)) if founding.cluster == own && self.is_pristine() => Ok(founding),
            (_, Some(cluster)) => {
                // It exists, or is another's.
                self.founding_file.save(None).await.map_err(failed)?;
                Err(OperateError::Taken { peer: self.me.clone(), cluster })
            }
            (Some(founding), None) => Ok(founding),
            (None, None) => Ok(Founding { cluster: ClusterId(chance::uuid()), members: BTreeMap::new() }),
        }
    }

    async fn found(&self, founding: &mut Founding, peers: Vec<Peer>) -> Result<ClusterId, OperateError> {
        let cluster = founding.cluster;
        let mut others = BTreeMap::new();
        for peer in peers {
            let id = self.identify_for(&peer, cluster).await?;
            if id != self.id {
                others.insert(id, peer);
            }
        }
        let mut left_out = std::mem::replace(&mut founding.members, others.clone());
        left_out.retain(|id, _| !others.contains_key(id));
        if let Err(error) = self.release(cluster, &left_out).await {
            tracing::warn!(%error, "a node stays claimed for a cluster that is made without it");
        }
        self.founding_file.save(Some(founding)).await.map_err(failed)?;
        self.give_to(cluster).await?;
        for (&id, peer) in &others {
            match self.voice.ask(Some(id), peer, Request::Claim(cluster), self.timing.limit).await {
                Ok(Response::Done) => {}
                Err(CallError::Refused(Refusal::OtherCluster { cluster: Some(cluster) })) => {
                    return Err(OperateError::Taken { peer: peer.clone(), cluster });
                }
                answer => {
                    let reason = answer.err().map_or_else(String::new, |error| error.to_string());
                    return Err(OperateError::Silent { peer: peer.clone(), reason });
                }
            }
        }
        // One, three or five vote; whoever is left over learns.
        let voters = [5, 3, 1].into_iter().find(|&voters| voters <= others.len() + 1).unwrap_or(1);
        let mut all = others.into_iter();
        let mut first: BTreeMap<NodeId, Peer> = all.by_ref().take(voters - 1).collect();
        first.insert(self.id, self.me.clone());
        self.raft.initialize(first).await.map_err(failed)?;
        let learners: BTreeMap<NodeId, Peer> = all.collect();
        if !learners.is_empty() {
            self.led(self.timing.limit).await?;
            self.change(openraft::ChangeMembers::AddNodes(learners)).await?;
        }
        Ok(cluster)
    }

    /// Waits until this node leads.
    async fn led(&self, limit: std::time::Duration) -> Result<(), OperateError> {
        let mut metrics = self.raft.server_metrics();
        let led = metrics.wait_for(|metrics| metrics.current_leader == Some(self.id));
        match tokio::time::timeout(limit, led).await {
            Ok(Ok(_)) => Ok(()),
            _ => Err(failed("this node was not elected")),
        }
    }

    async fn give_to(&self, cluster: ClusterId) -> Result<(), OperateError> {
        let _one_at_a_time = self.claiming.lock().await;
        match self.log.summary().cluster {
            Some(own) if own == cluster => Ok(()),
            Some(cluster) => Err(OperateError::Taken { peer: self.me.clone(), cluster }),
            None => self.log.set_cluster(Some(cluster)).await.map_err(failed),
        }
    }

    /// Sets everybody free who may have given itself to a cluster that is not made, this node last. Whoever does not answer
    /// is left for the next attempt.
    async fn abandon(&self, founding: &Founding) {
        if !self.is_pristine() {
            return;
        }
        let released = self.release(founding.cluster, &founding.members).await;
        let freed = match released {
            Ok(()) => match self.unclaim(founding.cluster).await {
                Response::Refused(refusal) => Err(failed(refusal)),
                _ => self.founding_file.save(None).await.map_err(failed),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = freed {
            tracing::warn!(%error, "a node stays claimed for a cluster that was not made, until the next attempt");
        }
    }

    /// Sets these nodes free again.
    async fn release(
        &self,
        cluster: ClusterId,
        members: &BTreeMap<NodeId, Peer>,
    ) -> Result<(), OperateError> {
        for (id, peer) in members {
            match self.voice.ask(Some(*id), peer, Request::Unclaim(cluster), self.timing.limit).await {
                // It is another's by now, or another node is there: neither is this cluster's.
                Ok(_) | Err(CallError::Refused(Refusal::OtherCluster { .. } | Refusal::OtherNode { .. })) => {
                }
                Err(error) => {
                    return Err(OperateError::Silent { peer: peer.clone(), reason: error.to_string() });
                }
            }
        }
        Ok(())
    }

    /// Whether nothing has come of a claim yet.
    fn is_pristine(&self) -> bool {
        let summary = self.log.summary();
        summary.last.is_none() && summary.vote.is_none_or(|vote| vote == Default::default())
    }

    /// Gives this node to a cluster, unless it is another's.
    pub(super) async fn claim(&self, cluster: ClusterId) -> Response {
        let _one_at_a_time = self.claiming.lock().await;
        match self.log.summary().cluster {
            Some(own) if own == cluster => Response::Done,
            Some(own) => Response::Refused(Refusal::OtherCluster { cluster: Some(own) }),
            None => self.set_cluster(Some(cluster)).await,
        }
    }

    /// Takes a claim back, unless something has come of it.
    pub(super) async fn unclaim(&self, cluster: ClusterId) -> Response {
        let _one_at_a_time = self.claiming.lock().await;
        match self.log.summary().cluster {
            Some(own) if own == cluster && self.is_pristine() => self.set_cluster(None).await,
            Some(own) if own == cluster => {
                Response::Refused(Refusal::Unavailable { reason: "the cluster exists".to_owned() })
            }
            _ => Response::Done,
        }
    }

    async fn set_cluster(&self, cluster: Option<ClusterId>) -> Response {
        match self.log.set_cluster(cluster).await {
            Ok(()) => Response::Done,
            Err(error) => Response::Refused(Refusal::Unavailable { reason: error.to_string() }),
        }
    }
}

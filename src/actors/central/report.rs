//! What workers say about propagation becomes the zone's status.

use super::CentralService;
use super::api::status::ReportZone;
use super::error::CentralError;
use crate::domain::policy::{Rule, Target};
use crate::domain::zone_status::Verdict;
use crate::store::repo::nameserver_states::{self, NameserverState};
use crate::store::repo::{claims, zones};
use crate::transport::{Cx, Fault, Handle};

impl Handle<ReportZone> for CentralService {
    async fn handle(&self, cx: &Cx, m: ReportZone) -> Result<(), Fault> {
        self.allow(cx, Rule::UpdateZone, &Target::default())?;
        let now = self.clock.now();
        self.store
            .transact(|tx| {
                Box::pin(async {
                    // A zone gone meanwhile has nothing left to report on.
                    let Some(mut zone) = zones::lock(tx, m.zone_id).await? else {
                        return Ok::<_, CentralError>(());
                    };
                    let state = |&(nameserver_id, answer): &_| NameserverState {
                        nameserver_id,
                        answer,
                        seen_at: now,
                    };
                    let states: Vec<NameserverState> = m.answers.iter().map(state).collect();
                    nameserver_states::put(tx, zone.id, &states).await?;
                    match zone.progress.reported(m.generation, m.outcome) {
                        Verdict::Unchanged => {}
                        Verdict::Stands(progress) => {
                            zone.progress = progress;
                            zones::advance(tx, &mut zone, now).await?;
                            if progress.propagated == progress.generation {
                                // Nothing is left to do: whichever worker hears of the next change has it.
                                claims::release(tx, zone.id, now).await?;
                            }
                        }
                        Verdict::Gone(progress) => {
                            zone.progress = progress;
                            zones::mark_gone(tx, &zone, now).await?;
                        }
                    }
                    Ok(())
                })
            })
            .await?;
        Ok(())
    }
}

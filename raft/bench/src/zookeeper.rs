//! ZooKeeper, used as its own recipe for locks does: a node that ends with its session, deleted to release; those who queue are
//! numbered and each watches the one before it. A lock that nobody else wants takes no queue.
use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    load::within,
    process::{Process, free_ports},
    system::{Client, Held, Standby, System},
    zookeeper_rpc::Session,
};

const PAUSE: Duration = Duration::from_millis(5);
const LIMIT: Duration = Duration::from_secs(2);
/// Nodes that hold the locks and the members.
const FOLDERS: [&str; 2] = ["/shared", "/members"];

pub struct ZooKeeper {
    processes: Vec<Process>,
    addresses: Vec<String>,
    has_folders: bool,
}

impl ZooKeeper {
    pub async fn start(folder: &Path) -> Self {
        let ports = free_ports(9);
        let servers: String = (0..3)
            .map(|at| format!("server.{}=127.0.0.1:{}:{}\n", at + 1, ports[at + 3], ports[at + 6]))
            .collect();
        let start = |at: usize| {
            let data = folder.join(format!("n{at}"));
            std::fs::create_dir_all(&data).expect("a folder");
            std::fs::write(data.join("myid"), format!("{}\n", at + 1)).expect("its number");
            let settings = format!(
                "tickTime=2000\ninitLimit=10\nsyncLimit=5\nmaxClientCnxns=0\nadmin.enableServer=false\n\
                 4lw.commands.whitelist=srvr\nforceSync=yes\ndataDir={}\nclientPort={}\n\
                 clientPortAddress=127.0.0.1\n{servers}",
                data.display(),
                ports[at]
            );
            let file = data.join("zoo.cfg");
            std::fs::write(&file, settings).expect("its settings");
            // The folder of settings in front is where Debian's log4j is told to say little.
            let words = [
                "java",
                "-cp",
                "/usr/share/java/zookeeper.jar",
                "-Dlog4j.rootLogger=WARN",
                "org.apache.zookeeper.server.quorum.QuorumPeerMain",
                file.to_str().expect("a name"),
            ];
            Process::start(words.map(str::to_owned).to_vec(), &folder.join(format!("log-{at}")))
        };
        let processes = (0..3).map(start).collect();
        let addresses = ports.iter().take(3).map(|port| format!("127.0.0.1:{port}")).collect();
        Self { processes, addresses, has_folders: false }
    }

    async fn role(&self, at: usize) -> Option<String> {
        let ask = async {
            let mut stream = TcpStream::connect(&self.addresses[at]).await.ok()?;
            stream.write_all(b"srvr").await.ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).await.ok()?;
            Some(text.lines().find_map(|line| line.strip_prefix("Mode: "))?.to_owned())
        };
        timeout(LIMIT, ask).await.ok()?
    }

    /// Place of the leader, if all serve.
    async fn agreed(&self) -> Option<usize> {
        let mut roles = Vec::new();
        for at in 0..3 {
            roles.push(self.role(at).await?);
        }
        roles.iter().position(|role| role == "leader")
    }
}

#[async_trait]
impl System for ZooKeeper {
    fn name(&self) -> &'static str {
        "ZooKeeper"
    }

    fn processes(&mut self) -> &mut [Process] {
        &mut self.processes
    }

    async fn client(&mut self) -> Arc<dyn Client> {
        let leader = self.leader().await;
        let session = Session::begin(&self.addresses[leader], LIMIT).await.expect("a session");
        if !std::mem::replace(&mut self.has_folders, true) {
            for folder in FOLDERS {
                session.create(folder, false, false).await.expect("a folder");
            }
        }
        Arc::new(Connection(Arc::new(session)))
    }

    async fn leader(&mut self) -> usize {
        within("a leader", async {
            loop {
                match self.agreed().await {
                    Some(leader) => return leader,
                    None => sleep(PAUSE * 4).await,
                }
            }
        })
        .await
    }

    async fn whole(&mut self) {
        self.leader().await;
    }

    async fn standby(&mut self) -> Box<dyn Standby> {
        let leader = self.leader().await;
        let others = (0..3).filter(|at| *at != leader).map(|at| self.addresses[at].clone());
        Box::new(Survivors(others.collect()))
    }
}

/// Where all but the leader are: they end every connection while there is no leader, so one is made anew.
struct Survivors(Vec<String>);

#[async_trait]
impl Standby for Survivors {
    async fn first_grant(&mut self, lock: &str) {
        let grant = |at: usize| {
            let (address, path) = (self.0[at].clone(), format!("/{lock}-{at}"));
            async move {
                loop {
                    if let Ok(session) = Session::begin(&address, LIMIT).await
                        && let Ok(Ok(_)) = timeout(LIMIT, session.create(&path, true, false)).await
                    {
                        return;
                    }
                    sleep(PAUSE).await;
                }
            }
        };
        // Whoever answers first counts.
        tokio::select! {
            () = grant(0) => {}
            () = grant(1) => {}
        }
    }
}

struct Connection(Arc<Session>);

#[async_trait]
impl Client for Connection {
    async fn acquire(&self, lock: &str, _: usize) -> Held {
        Held::Key(self.0.create(&format!("/{lock}"), true, false).await.expect("a lock"))
    }

    async fn queue(&self, lock: &str, _: usize) -> Held {
        let path = self.0.create(&format!("/{lock}/n-"), true, true).await.expect("a place in the queue");
        let me = path.rsplit('/').next().expect("a name").to_owned();
        loop {
            let mut queue = self.0.children(&format!("/{lock}")).await.expect("the queue");
            queue.sort_unstable();
            let place = queue.iter().position(|name| *name == me).expect("a place");
            let Some(before) = place.checked_sub(1) else { return Held::Key(path) };
            if let Some(gone) = self.0.watch(&format!("/{lock}/{}", queue[before])).await.expect("a watch") {
                gone.await.expect("the session goes on");
            }
        }
    }

    async fn give(&self, held: Held) {
        let Held::Key(path) = held else { panic!("not a node") };
        self.0.delete(&path).await.expect("it was still there");
    }

    async fn join(&self, group: &str, member: &str) -> Held {
        Held::Key(self.0.create(&format!("/{group}/{member}"), true, false).await.expect("a seat"))
    }

    async fn watch(&self, group: &str) -> watch::Receiver<usize> {
        let (session, path) = (self.0.clone(), format!("/{group}"));
        let (tell, told) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((members, changed)) = session.watch_children(&path).await {
                if tell.send(members.len()).is_err() || changed.await.is_err() {
                    return;
                }
            }
        });
        told
    }
}

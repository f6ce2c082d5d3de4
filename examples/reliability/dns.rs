//! What a name server shows: serials and whole zones.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use ordain::dns::client::{Ask, Exchange as _, SocketExchange};
use ordain::domain::host_port::HostPort;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// Records of a zone without its SOA and NS: name, type, data, and how often each was there.
pub(crate) type Content = BTreeMap<(String, String, String), usize>;

fn question(zone: &str, kind: RecordType) -> anyhow::Result<Message> {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii(zone)?, kind));
    Ok(message)
}

/// The serial of a zone; `None` if the server does not have it.
pub(crate) async fn serial(server: SocketAddr, zone: &str) -> anyhow::Result<Option<u32>> {
    let ask =
        Ask { message: question(zone, RecordType::SOA)?, tcp: false, signed_by: None, timeout: PATIENCE };
    let at = HostPort::new(server.ip().to_string(), server.port());
    let answer = SocketExchange::default().exchange(&at, &ask).await?;
    match answer.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::Refused | ResponseCode::NotAuth | ResponseCode::NXDomain => return Ok(None),
        code => anyhow::bail!("{zone} at {server}: {code}"),
    }
    let serial = answer.answers.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(soa.serial),
        _ => None,
    });
    Ok(Some(serial.context("an answer without SOA")?))
}

/// All of a zone, transferred.
pub(crate) async fn transfer(server: SocketAddr, zone: &str) -> anyhow::Result<(u32, Content)> {
    timeout(PATIENCE, axfr(server, zone)).await.with_context(|| format!("{zone} at {server}: too slow"))?
}

async fn axfr(server: SocketAddr, zone: &str) -> anyhow::Result<(u32, Content)> {
    let request = question(zone, RecordType::AXFR)?.to_vec()?;
    let mut stream = TcpStream::connect(server).await?;
    let mut framed = u16::try_from(request.len())?.to_be_bytes().to_vec();
    framed.extend(request);
    stream.write_all(&framed).await?;
    let (mut serials, mut content) = (Vec::new(), Content::new());
    while serials.len() < 2 {
        let length = stream.read_u16().await?;
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).await?;
        let message = Message::from_vec(&bytes)?;
        let code = message.metadata.response_code;
        anyhow::ensure!(code == ResponseCode::NoError, "transfer of {zone} from {server}: {code}");
        for record in message.answers {
            let data = match &record.data {
                RData::SOA(soa) => {
                    serials.push(soa.serial);
                    continue;
                }
                RData::NS(_) => continue,
                RData::TXT(txt) => {
                    let texts =
                        txt.txt_data.iter().map(|text| format!("\"{}\"", String::from_utf8_lossy(text)));
                    texts.collect::<Vec<_>>().join(" ")
                }
                RData::MX(mx) => format!("{} {}", mx.preference, mx.exchange),
                other => other.to_string(),
            };
            let key = (record.name.to_string(), record.record_type().to_string(), data);
            *content.entry(key).or_default() += 1;
        }
    }
    Ok((serials[0], content))
}

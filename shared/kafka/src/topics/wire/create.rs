//! The requests that create missing topics.

use anyhow::{Context, Result, bail};

use super::{
    UNKNOWN_TOPIC,
    connection::{Address, Connection, NONE, Request},
    encoding::{Answer, array, text},
    first_answer,
    security::Security,
};

const METADATA: Request = (3, 4);
const CREATE_TOPICS: Request = (19, 4);

/// The time limit of the broker for `CreateTopics`, in milliseconds.
const CREATE_LIMIT_MS: i32 = 30_000;

const TOPIC_ALREADY_EXISTS: i16 = 36;
const NOT_CONTROLLER: i16 = 41;

/// Creates the missing topics and returns their names. Blocks.
pub(in crate::topics) fn create_missing(
    bootstrap: &str,
    security: &Security,
    topics: &[String],
    partitions: i32,
) -> Result<Vec<String>> {
    first_answer(bootstrap, security, |broker| {
        let (missing, controller) = missing(broker, topics)?;
        if missing.is_empty() {
            return Ok(missing);
        }
        match create(broker, &missing, partitions) {
            // Without KRaft only the controller can create topics.
            Err(error) if error.downcast_ref() == Some(&NotController) => {
                let controller = controller.context("the cluster has no controller")?;
                create(&mut Connection::open(&controller, security)?, &missing, partitions)
            }
            made => made,
        }
    })
    .map(|(made, _)| made)
}

/// Returns the missing topics and the address of the controller.
fn missing(broker: &mut Connection, topics: &[String]) -> Result<(Vec<String>, Option<Address>)> {
    let mut body = array(topics.len())?;
    for topic in topics {
        body.extend(text(topic)?);
    }
    body.push(0); // Do not create topics.
    let mut answer = Answer::new(broker.ask(METADATA, &body)?);
    answer.int32()?; // throttle time
    let mut brokers = Vec::new();
    for _ in 0..answer.int32()? {
        let (id, host) = (answer.int32()?, answer.text()?.unwrap_or_default());
        let address = Address { host, port: u16::try_from(answer.int32()?)? };
        answer.text()?; // rack
        brokers.push((id, address));
    }
    answer.text()?; // cluster
    let controller = answer.int32()?;
    let mut missing = Vec::new();
    for _ in 0..answer.int32()? {
        let (code, name) = (answer.int16()?, answer.text()?.unwrap_or_default());
        answer.take(1)?; // internal
        for _ in 0..answer.int32()? {
            answer.take(10)?; // error, partition, leader
            for _ in 0..2 {
                let replicas = usize::try_from(answer.int32()?)?;
                answer.take(4 * replicas)?;
            }
        }
        match code {
            NONE => {}
            UNKNOWN_TOPIC => missing.push(name),
            code => bail!("cannot look up topic {name} (error {code})"),
        }
    }
    Ok((missing, brokers.into_iter().find(|(id, _)| *id == controller).map(|(_, address)| address)))
}

fn create(broker: &mut Connection, topics: &[String], partitions: i32) -> Result<Vec<String>> {
    let mut body = array(topics.len())?;
    for topic in topics {
        body.extend(text(topic)?);
        body.extend(partitions.to_be_bytes());
        body.extend((-1_i16).to_be_bytes()); // The broker's default replication.
        body.extend([array(0)?, array(0)?].concat());
    }
    body.extend(CREATE_LIMIT_MS.to_be_bytes());
    body.push(0); // Create the topics, do not only validate them.
    let mut answer = Answer::new(broker.ask(CREATE_TOPICS, &body)?);
    answer.int32()?; // throttle time
    let mut made = Vec::new();
    for _ in 0..answer.int32()? {
        let (name, code, message) =
            (answer.text()?.unwrap_or_default(), answer.int16()?, answer.text()?);
        match code {
            NONE => made.push(name),
            TOPIC_ALREADY_EXISTS => {}
            NOT_CONTROLLER => return Err(NotController.into()),
            code => {
                bail!("cannot create topic {name} (error {code}): {}", message.unwrap_or_default())
            }
        }
    }
    Ok(made)
}

/// The error that another broker is the controller.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the broker is not the controller")]
struct NotController;

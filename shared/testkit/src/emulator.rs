//! Runs AWS's Runtime Interface Emulator, which is part of aws-sam-cli; `tests/external/rie/run`
//! downloads it.

use std::{path::Path, process::Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, Command},
};

use crate::{PATIENCE, eventually, free_port};

/// A function under the emulator; both end when dropped.
pub struct Emulator {
    port: u16,
    _child: Child,
}

impl Emulator {
    /// Starts `program` with these variables under the emulator that `WEIR_TEST_RIE` names.
    ///
    /// If `WEIR_TEST_FUNCTIONS` names the output folder of cargo-lambda, the build in that folder
    /// runs instead of `program`.
    ///
    /// # Errors
    /// When the emulator is missing or does not start.
    pub async fn start(program: &str, variables: &[(&str, &str)]) -> Result<Self> {
        let emulator = std::env::var_os("WEIR_TEST_RIE")
            .context("the emulator is missing: run tests/external/rie/run, which fetches it")?;
        let (port, api) = (free_port()?, free_port()?);
        let program = Path::new(program);
        let built = std::env::var_os("WEIR_TEST_FUNCTIONS").zip(program.file_name());
        let program = built.map_or_else(
            || program.into(),
            |(folder, name)| Path::new(&folder).join(name).join("bootstrap"),
        );
        ensure!(
            program.is_file(),
            "{} does not exist: bash tests/external/sam/run builds it",
            program.display()
        );
        let child = Command::new(emulator)
            .args(["--runtime-interface-emulator-address", &format!("127.0.0.1:{port}")])
            .args(["--runtime-api-address", &format!("127.0.0.1:{api}")])
            .arg(program)
            .env("AWS_LAMBDA_FUNCTION_TIMEOUT", "60")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        eventually(PATIENCE, async || TcpStream::connect(("127.0.0.1", port)).await.ok()).await?;
        Ok(Self { port, _child: child })
    }

    /// Posts an event and returns the function's answer or error.
    ///
    /// # Errors
    /// When the answer of the emulator is not JSON.
    pub async fn invoke(&self, event: &[u8]) -> Result<Value> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).await?;
        let head = format!(
            "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            event.len()
        );
        socket.write_all(head.as_bytes()).await?;
        socket.write_all(event).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        let body = answer.split_once("\r\n\r\n").context("an HTTP answer")?.1;
        serde_json::from_str(body).with_context(|| format!("no JSON: {body}"))
    }
}

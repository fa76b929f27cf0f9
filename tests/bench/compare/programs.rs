//! Resolves BASE, and creates the builds.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::Usage;

/// The kinds of BASE.
pub(super) enum Base {
    Build(Build),
    /// The full hash of a commit.
    Commit(String),
    Rival(Rival),
}

impl Base {
    pub(super) async fn find(base: &str, programs: &[&str]) -> anyhow::Result<Self> {
        if let Some(name) = base.strip_prefix("rival:") {
            let script = repository()?.join("tests/bench/rivals").join(name).join("run");
            ensure!(script.is_file(), Usage(format!("{} is missing", script.display())));
            return Ok(Self::Rival(Rival { script }));
        }
        if Path::new(base).exists() {
            return Ok(Self::Build(Build::at(Path::new(base), programs)?));
        }
        let commit =
            ["rev-parse", "--verify", "--quiet", "--end-of-options", &format!("{base}^{{commit}}")];
        let found = Command::new("git")
            .args(commit)
            .current_dir(repository()?)
            .output()
            .await
            .context("git")?;
        ensure!(
            found.status.success(),
            Usage(format!(
                "BASE {base:?} is neither a commit of this repository, nor a path, nor rival:NAME"
            ))
        );
        Ok(Self::Commit(String::from_utf8(found.stdout)?.trim().to_owned()))
    }
}

/// The programs of one build: a folder, or one file.
#[derive(Clone)]
pub(super) struct Build(PathBuf);

impl Build {
    pub(super) fn at(path: &Path, programs: &[&str]) -> anyhow::Result<Self> {
        // The programs start in another folder, so the path must be absolute.
        let build = Self(std::path::absolute(path)?);
        for name in programs {
            ensure!(
                build.program(name).is_file(),
                Usage(format!("{name} is missing in {}", path.display()))
            );
        }
        Ok(build)
    }

    /// Builds this checkout, as it is on the disk.
    pub(super) async fn checkout(programs: &[&str]) -> anyhow::Result<Self> {
        cargo(&repository()?, &target()?, programs).await
    }

    /// Builds a commit in a clone below the target folder. An existing build is reused.
    pub(super) async fn commit(commit: &str, programs: &[&str]) -> anyhow::Result<Self> {
        let folder = target()?.join("compare").join(commit);
        let tree = folder.join("tree");
        if !tree.join("Cargo.toml").is_file() {
            std::fs::create_dir_all(&folder)?;
            let repository = repository()?;
            for arguments in [
                vec![
                    "clone",
                    "--quiet",
                    "--shared",
                    "--no-checkout",
                    "--",
                    text(&repository)?,
                    text(&tree)?,
                ],
                vec!["-C", text(&tree)?, "checkout", "--quiet", "--detach", commit],
            ] {
                let status = Command::new("git")
                    .args(&arguments)
                    .kill_on_drop(true)
                    .status()
                    .await
                    .context("git")?;
                ensure!(status.success(), "git {}: {status}", arguments.join(" "));
            }
        }
        cargo(&tree, &folder.join("target"), programs).await
    }

    /// Returns the file of a program, as cargo or `sam build` names it.
    pub(super) fn program(&self, name: &str) -> PathBuf {
        let of_sam = self
            .0
            .join(format!("{}{}Function", name[..1].to_uppercase(), &name[1..]))
            .join("bootstrap");
        match () {
            () if self.0.is_file() => self.0.clone(),
            () if of_sam.is_file() => of_sam,
            () => self.0.join(name),
        }
    }
}

/// Builds programs in release mode. Cargo prints its progress.
async fn cargo(tree: &Path, target: &Path, programs: &[&str]) -> anyhow::Result<Build> {
    eprintln!(
        "building {} of {} (about 11 minutes from nothing on two cores)",
        programs.join(", "),
        tree.display()
    );
    #[expect(clippy::disallowed_methods, reason = "the cargo that runs this says so there")]
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--release", "--locked", "--target-dir", text(target)?])
        .current_dir(tree);
    for name in programs {
        // A function's package is named after the function.
        let package = if *name == "weir" { "weir".to_owned() } else { format!("weir-{name}") };
        command.args(["--package", &package, "--bin", name]);
    }
    let status = command.kill_on_drop(true).status().await.context("cargo")?;
    ensure!(status.success(), "cargo build in {}: {status}", tree.display());
    Build::at(&target.join("release"), programs)
}

/// Returns the folder of this checkout.
fn repository() -> anyhow::Result<PathBuf> {
    Ok(Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no parent folder")?.to_owned())
}

/// Returns cargo's target folder, which contains this program.
fn target() -> anyhow::Result<PathBuf> {
    Ok(std::env::current_exe()?.ancestors().nth(2).context("no target folder")?.to_owned())
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("a path that is not UTF-8")
}

/// An external program, measured by a script.
pub(super) struct Rival {
    script: PathBuf,
}

impl Rival {
    /// Returns the script's output for `config`.
    pub(super) async fn config(&self) -> anyhow::Result<String> {
        self.ask("config", "", Path::new("/")).await
    }

    /// Returns the best of five runs, or `None` if the script skips the figure.
    pub(super) async fn seconds(
        &self,
        figure: &str,
        database: &str,
        folder: &Path,
    ) -> anyhow::Result<Option<f64>> {
        std::fs::create_dir_all(folder)?;
        let mut best: Option<f64> = None;
        for _ in 0..5 {
            let said = self.ask(figure, database, folder).await?;
            let Some(time) = seconds(&said)
                .with_context(|| format!("{} {figure} said: {said}", self.script.display()))?
            else {
                return Ok(None);
            };
            best = Some(best.map_or(time, |best| best.min(time)));
        }
        Ok(best)
    }

    async fn ask(&self, figure: &str, database: &str, folder: &Path) -> anyhow::Result<String> {
        let mut command = Command::new(&self.script);
        command
            .arg(figure)
            .env("DATABASE_URL", database)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit());
        let output = command
            .kill_on_drop(true)
            .output()
            .await
            .with_context(|| self.script.display().to_string())?;
        ensure!(output.status.success(), "{} {figure}: {}", self.script.display(), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }
}

/// Parses the last line of a rival's answer: `seconds VALUE`, or `skip`.
fn seconds(said: &str) -> anyhow::Result<Option<f64>> {
    let last = said.lines().next_back().unwrap_or_default().trim();
    if last == "skip" {
        return Ok(None);
    }
    let value: f64 = last
        .strip_prefix("seconds ")
        .context("the last line is neither `seconds VALUE` nor `skip`")?
        .parse()?;
    ensure!(value > 0.0 && Duration::try_from_secs_f64(value).is_ok(), "{value} is not a time");
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rivals_last_line_counts() {
        assert_eq!(seconds("version 3\nseconds 1.5\n").unwrap(), Some(1.5));
        assert_eq!(seconds("skip\n").unwrap(), None);
        for wrong in
            ["", "1.5", "seconds", "seconds x", "seconds 0", "seconds NaN", "seconds 1.5\ndone"]
        {
            assert!(seconds(wrong).is_err(), "{wrong:?}");
        }
    }

    #[tokio::test]
    async fn a_base_that_is_nothing_is_refused_in_one_line() {
        for (base, error) in [
            (
                "no-such-thing",
                "BASE \"no-such-thing\" is neither a commit of this repository, nor a path, nor rival:NAME",
            ),
            (
                "--all",
                "BASE \"--all\" is neither a commit of this repository, nor a path, nor rival:NAME",
            ),
            ("/", "weir is missing in /"),
        ] {
            let refused = Base::find(base, &["weir"]).await.err().expect("an error");
            assert_eq!(refused.downcast_ref::<Usage>().expect("a usage error").to_string(), error);
        }
        let rival = Base::find("rival:none", &["weir"]).await.err().expect("an error").to_string();
        assert!(rival.ends_with("tests/bench/rivals/none/run is missing"), "{rival}");
    }

    #[tokio::test]
    async fn a_commit_and_a_file_are_found() {
        assert!(
            matches!(Base::find("HEAD", &["weir"]).await.unwrap(), Base::Commit(hash) if hash.len() == 40)
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        let Base::Build(build) =
            Base::find(file.path().to_str().unwrap(), &["weir"]).await.unwrap()
        else {
            panic!("no build")
        };
        assert_eq!(build.program("weir"), file.path());
    }

    #[test]
    fn functions_of_sam_are_found() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("IngestFunction")).unwrap();
        std::fs::write(folder.path().join("IngestFunction/bootstrap"), "").unwrap();
        assert!(Build::at(folder.path(), &["ingest"]).is_ok());
        assert!(Build::at(folder.path(), &["ingest", "api"]).is_err());
    }
}

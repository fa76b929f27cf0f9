//! Pairs of runs in the order A B B A …, and their ratios.

use std::{
    io::{IsTerminal, Write},
    time::{Duration, Instant},
};

use super::{Side, programs::Rival};
use crate::{
    server::connect,
    stats::{Ratio, median},
};

/// A longer run needs fewer pairs.
const LONG: Duration = Duration::from_mins(1);
/// The default numbers of pairs: of short runs, and of long runs.
const PAIRS: (u32, u32) = (20, 5);

/// One measurement of one or more figures.
pub(super) struct Step {
    pub figures: Vec<String>,
    /// How often it is measured in a pair. The pair has the medians.
    pub repeats: u32,
}

impl Step {
    pub(super) fn new(figures: &[&str], repeats: u32) -> Self {
        Self { figures: figures.iter().map(|&name| name.to_owned()).collect(), repeats }
    }
}

/// A measurement on two sides.
pub(super) trait Way {
    fn steps(&self) -> Vec<Step>;
    /// Returns the seconds of each figure of the step, on the first or the second side.
    async fn measure(&mut self, side: usize, step: usize) -> anyhow::Result<Vec<f64>>;
    /// Returns lines about the sides, for people.
    fn notes(&self) -> anyhow::Result<Vec<String>> {
        Ok(Vec::new())
    }
}

pub(super) struct Pairs<'s> {
    pub count: Option<u32>,
    /// Replaces the first side in the measurements.
    pub rival: Option<Rival>,
    pub sides: &'s [Side],
}

impl Pairs<'_> {
    /// Measures all pairs and prints the ratios.
    pub(super) async fn run(&self, mut way: impl Way) -> anyhow::Result<()> {
        if let Some(rival) = &self.rival {
            println!("{}", rival.config().await?.trim_end());
        }
        let begun = Instant::now();
        self.pair(&mut way, 0, &progress("warming up", begun)).await?;
        let long = begun.elapsed() > 2 * LONG;
        let count = self.count.unwrap_or(if long { PAIRS.1 } else { PAIRS.0 });
        for side in self.sides {
            connect(&side.url).await?.batch_execute("VACUUM (ANALYZE)").await?;
        }
        let begun = Instant::now();
        let mut figures: Vec<(String, Vec<[f64; 2]>)> = Vec::new();
        for pair in 0..count {
            let left = if pair == 0 {
                String::new()
            } else {
                format!(", about {} left", clock(begun.elapsed() / pair * (count - pair)))
            };
            let seconds = self
                .pair(
                    &mut way,
                    pair,
                    &progress(&format!("pair {} of {count}{left}", pair + 1), begun),
                )
                .await?;
            for (name, both) in seconds {
                match figures.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, pairs)) => pairs.push(both),
                    None => figures.push((name, vec![both])),
                }
            }
        }
        progress(&format!("measured {count} pairs"), begun)("");
        eprintln!();
        if count < if long { PAIRS.1 } else { PAIRS.0 } {
            println!(
                "{count} pairs are too few for a bar: {} of short runs are asked for, {} of runs above a minute",
                PAIRS.0, PAIRS.1
            );
        }
        for note in way.notes()? {
            println!("{note}");
        }
        print(&figures);
        Ok(())
    }

    /// Returns the seconds of each figure on both sides. A figure that the rival skips is left out.
    async fn pair(
        &self,
        way: &mut impl Way,
        pair: u32,
        say: &impl Fn(&str),
    ) -> anyhow::Result<Vec<(String, [f64; 2])>> {
        say("");
        // This is not measured. It allows PostgreSQL to recycle WAL segments.
        connect(&self.sides[0].url).await?.batch_execute("CHECKPOINT").await?;
        let mut all = Vec::new();
        for (n, step) in way.steps().iter().enumerate() {
            say(&step.figures[0]);
            let mut times = vec![[Vec::new(), Vec::new()]; step.figures.len()];
            for repeat in 0..step.repeats {
                // The sides alternate in the order.
                for side in if (pair + repeat).is_multiple_of(2) { [0, 1] } else { [1, 0] } {
                    match (&self.rival, side) {
                        (Some(rival), 0) if repeat == 0 => {
                            for (figure, times) in step.figures.iter().zip(&mut times) {
                                times[0].extend(
                                    rival
                                        .seconds(figure, &self.sides[0].url, &self.sides[0].folder)
                                        .await?,
                                );
                            }
                        }
                        (Some(_), 0) => {}
                        _ => way
                            .measure(side, n)
                            .await?
                            .into_iter()
                            .zip(&mut times)
                            .for_each(|(seconds, times)| times[side].push(seconds)),
                    }
                }
            }
            let measured =
                step.figures.iter().zip(&times).filter(|(_, [base, _])| !base.is_empty());
            all.extend(
                measured
                    .map(|(name, both)| (name.clone(), both.each_ref().map(|times| median(times)))),
            );
        }
        Ok(all)
    }
}

/// Prints a table for people, and lines for scripts.
fn print(figures: &[(String, Vec<[f64; 2]>)]) {
    println!(
        "{:<28} {:>12} {:>12} {:>8} {:>8} {:>8}",
        "figure, medians of its pairs", "base ms", "this ms", "ratio", "low", "high"
    );
    let mut lines = Vec::new();
    for (name, pairs) in figures {
        let millis =
            |side: usize| median(&pairs.iter().map(|both| both[side]).collect::<Vec<_>>()) * 1000.0;
        let Ratio { value, low, high } =
            Ratio::of(&pairs.iter().map(|[base, this]| base / this).collect::<Vec<_>>());
        println!(
            "{name:<28} {:>12.3} {:>12.3} {value:>8.3} {low:>8.3} {high:>8.3}",
            millis(0),
            millis(1)
        );
        lines.push(format!("ratio {name} {value:.3} low {low:.3} high {high:.3}"));
    }
    println!("\n{}", lines.join("\n"));
}

/// Prints the progress on stderr: each part of a pair on a terminal, each pair in a file.
fn progress(what: &str, begun: Instant) -> impl Fn(&str) {
    let (terminal, what) = (std::io::stderr().is_terminal(), what.to_owned());
    move |part| {
        let line = format!("{} {what}", clock(begun.elapsed()));
        if terminal {
            eprint!("\r{line} {part}\x1b[K");
            let _ = std::io::stderr().flush();
        } else if part.is_empty() {
            eprintln!("{line}");
        }
    }
}

fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}

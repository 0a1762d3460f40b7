//! Contenders run in turn, round after round, so that a noisy machine is noisy for all.

use super::measure::Cost;

/// Somebody who does the work, and how often.
pub struct Contender<'a> {
    name: &'static str,
    at_most: usize,
    run: Box<dyn Fn() -> Cost + 'a>,
}

impl<'a> Contender<'a> {
    /// One that runs in every round.
    pub fn new(name: &'static str, run: impl Fn() -> Cost + 'a) -> Self {
        Self { name, at_most: usize::MAX, run: Box::new(run) }
    }

    /// The same in the first so many rounds only: for those that are slow, or that no goal asks about.
    pub fn at_most(self, rounds: usize) -> Self {
        Self { at_most: rounds, ..self }
    }
}

/// What one contender's rounds cost.
pub struct Rounds {
    /// Who ran.
    pub name: &'static str,
    /// Each round.
    pub costs: Vec<Cost>,
}

/// What all contenders' rounds cost, in the order in which they ran.
pub struct Costs(pub Vec<Rounds>);

/// Runs all contenders.
pub fn take(rounds: usize, contenders: &[Contender<'_>]) -> Costs {
    let mut costs: Vec<Rounds> =
        contenders.iter().map(|contender| Rounds { name: contender.name, costs: Vec::new() }).collect();
    for round in 0..rounds {
        for (contender, rounds) in contenders.iter().zip(&mut costs) {
            if round < contender.at_most {
                rounds.costs.push((contender.run)());
            }
        }
    }
    Costs(costs)
}

impl Costs {
    /// The rounds of a contender.
    pub fn of(&self, name: &str) -> Option<&[Cost]> {
        self.0.iter().find(|rounds| rounds.name == name).map(|rounds| rounds.costs.as_slice())
    }

    /// The middle of what a contender's rounds cost; none when it did not run.
    pub fn median(&self, name: &str, of: impl Fn(&Cost) -> f64) -> Option<f64> {
        median(self.of(name)?.iter().map(of).collect())
    }

    /// The median of one contender to the median of another, with the smallest and the largest ratio of a single round.
    pub fn ratio(&self, ours: &str, theirs: &str, of: impl Fn(&Cost) -> f64) -> Option<Ratio> {
        let value = self.median(ours, &of)? / self.median(theirs, &of)?;
        let pairs = self.of(ours)?.iter().zip(self.of(theirs)?);
        let single: Vec<f64> = pairs.map(|(ours, theirs)| of(ours) / of(theirs)).collect();
        Some(Ratio::over(value, &single))
    }
}

/// A ratio, and how far single rounds are from it.
#[derive(Clone, Copy, Debug)]
pub struct Ratio {
    /// Of the medians.
    pub value: f64,
    /// The smallest of a round.
    pub least: f64,
    /// The largest of a round.
    pub most: f64,
    /// Rounds.
    pub rounds: usize,
}

impl Ratio {
    /// A ratio with those of single rounds.
    pub fn over(value: f64, single: &[f64]) -> Self {
        let least = single.iter().copied().fold(f64::INFINITY, f64::min);
        let most = single.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { value, least, most, rounds: single.len() }
    }
}

/// The middle of some values; of an even number, between the two in the middle.
pub fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(upper);
    Some(f64::midpoint(lower, upper))
}

//! What a run cost: CPU time of the server, of PostgreSQL and of this driver, and whether this
//! driver was what held it up.

use serde_json::{Value, json};

use crate::clock;
use crate::posting::Posted;
use crate::processes::{MachineTime, cpu_time, postgres_cpu};

/// Above this share of its threads the driver counts as saturated.
const DRIVER_BUSY: f64 = 0.90;
/// Below this share of idle time the machine has nothing left to give, whoever uses it.
const MACHINE_IDLE: f64 = 0.10;
/// Posts of an open loop that left too late by the fault of the driver, at most.
const LATE_SHARE: f64 = 0.01;

/// Whose CPU time is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    /// The server, when it is on this machine and known.
    pub(crate) server: Option<u32>,
    /// The postmaster of its private PostgreSQL, when there is one.
    pub(crate) postmaster: Option<u32>,
    /// Threads that the driver runs on.
    pub(crate) threads: usize,
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    at: u64,
    server: Option<f64>,
    postgres: Option<f64>,
    driver: Option<f64>,
    machine: Option<MachineTime>,
}

/// A measurement that has begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    meter: Meter,
    began: Reading,
}

/// What was used, in CPU seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// How long it took, in seconds.
    pub(crate) wall: f64,
    /// By the server.
    pub(crate) server: Option<f64>,
    /// By all processes of PostgreSQL.
    pub(crate) postgres: Option<f64>,
    /// By this driver.
    pub(crate) driver: Option<f64>,
    /// The share of time in which a core of the machine was idle.
    pub(crate) idle_share: Option<f64>,
    threads: usize,
}

impl Usage {
    /// This and a further time, one after the other.
    pub(crate) fn and(self, next: Self) -> Self {
        let sum = |a: Option<f64>, b: Option<f64>| Some(a? + b?);
        let wall = self.wall + next.wall;
        let idle = |usage: Self| Some(usage.idle_share? * usage.wall);
        Self {
            wall,
            server: sum(self.server, next.server),
            postgres: sum(self.postgres, next.postgres),
            driver: sum(self.driver, next.driver),
            idle_share: sum(idle(self), idle(next)).map(|idle| idle / wall),
            threads: self.threads,
        }
    }
}

impl Meter {
    /// From now on.
    pub(crate) fn start(self) -> Running {
        Running {
            meter: self,
            began: self.read(),
        }
    }

    fn read(self) -> Reading {
        let own = |pid| cpu_time(pid).map(|time| time.own);
        Reading {
            at: clock::now(),
            server: self.server.and_then(own),
            postgres: self.postmaster.and_then(postgres_cpu),
            driver: own(std::process::id()),
            machine: MachineTime::now(),
        }
    }
}

impl Running {
    /// Up to now.
    pub(crate) fn stop(self) -> Usage {
        let (began, ended) = (self.began, self.meter.read());
        let between = |from: Option<f64>, to: Option<f64>| Some((to? - from?).max(0.0));
        let idle = began.machine.zip(ended.machine);
        Usage {
            wall: clock::seconds(began.at, ended.at),
            server: between(began.server, ended.server),
            postgres: between(began.postgres, ended.postgres),
            driver: between(began.driver, ended.driver),
            idle_share: idle.map(|(from, to)| to.idle_share_since(from)),
            threads: self.meter.threads,
        }
    }
}

impl Usage {
    /// The share of its threads that the driver used.
    pub(crate) fn driver_share(&self) -> Option<f64> {
        let available = self.wall * self.threads.max(1) as f64;
        self.driver.map(|used| used / available.max(0.001))
    }

    /// Why a closed loop says nothing about the server: the driver could do no more, while the
    /// machine had time left that the server did not ask for.
    pub(crate) fn refuse_closed(&self) -> Option<String> {
        let (driver, idle) = (self.driver_share()?, self.idle_share?);
        let bottleneck = driver > DRIVER_BUSY && idle > MACHINE_IDLE;
        bottleneck.then(|| {
            format!(
                "the driver used {:.0} % of its threads while {:.0} % of the machine was idle",
                driver * 100.0,
                idle * 100.0
            )
        })
    }

    /// Why the latencies of an open loop say nothing about the server.
    pub(crate) fn refuse_open(&self, posted: &Posted, max_lateness_ms: f64) -> Option<String> {
        let lateness = posted.lateness.at(1.0 - LATE_SHARE);
        if lateness > max_lateness_ms {
            return Some(format!(
                "1 % of the posts left {lateness:.1} ms late or more by the driver's own fault, \
                 and {max_lateness_ms:.1} ms are allowed"
            ));
        }
        self.refuse_closed()
    }

    /// Everything, for programs.
    pub(crate) fn to_json(self) -> Value {
        json!({
            "wall_s": self.wall,
            "server_cpu_s": self.server,
            "postgres_cpu_s": self.postgres,
            "driver_cpu_s": self.driver,
            "driver_share": self.driver_share(),
            "machine_idle_share": self.idle_share,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(driver: f64, idle: f64) -> Usage {
        Usage {
            wall: 10.0,
            driver: Some(driver),
            idle_share: Some(idle),
            threads: 1,
            ..Usage::default()
        }
    }

    #[test]
    fn a_busy_driver_on_a_machine_with_time_left_is_refused() {
        assert!(usage(9.5, 0.4).refuse_closed().is_some());
        assert!(usage(9.5, 0.02).refuse_closed().is_none());
        assert!(usage(5.0, 0.4).refuse_closed().is_none());
    }

    #[test]
    fn without_figures_nothing_is_refused() {
        assert_eq!(Usage::default().refuse_closed(), None);
    }
}

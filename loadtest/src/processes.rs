//! What the kernel knows of processes: their CPU time and their memory. Linux only; elsewhere
//! the figures are missing.

use std::fs;

/// CPU seconds of one process, itself only and with those of its children that have ended.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct CpuTime {
    /// The process itself.
    pub(crate) own: f64,
    /// Children that were waited for.
    pub(crate) ended_children: f64,
}

/// CPU time of a process; `None` when it is gone.
pub(crate) fn cpu_time(pid: u32) -> Option<CpuTime> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?).map(|it| it.1)
}

/// CPU seconds of the private PostgreSQL: the postmaster, its children, and those that ended.
pub(crate) fn postgres_cpu(postmaster: u32) -> Option<f64> {
    let own = cpu_time(postmaster)?;
    let processes = fs::read_dir("/proc").ok()?.flatten();
    let children = processes
        .filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok())
        .filter_map(|stat| parse_stat(&stat))
        .filter(|(parent, _)| *parent == postmaster);
    let children: f64 = children.map(|(_, time)| time.own).sum();
    Some(own.own + own.ended_children + children)
}

/// Parent and CPU time from `/proc/PID/stat`. The name in it may hold blanks and brackets.
fn parse_stat(text: &str) -> Option<(u32, CpuTime)> {
    let (_, fields) = text.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let seconds = |first: usize| Some((number(first)? + number(first + 1)?) / ticks);
    let parent = fields.get(1)?.parse().ok()?;
    let time = CpuTime {
        own: seconds(11)?,
        ended_children: seconds(13)?,
    };
    Some((parent, time))
}

/// Memory of a process, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// All that is resident.
    pub(crate) rss: u64,
    /// The same with shared pages divided among those who share them.
    pub(crate) pss: u64,
    /// What only this process has.
    pub(crate) uss: u64,
}

/// The memory of a process; `None` when it is gone or not ours to look at.
pub(crate) fn memory(pid: u32) -> Option<Memory> {
    parse_rollup(&fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?)
}

fn parse_rollup(text: &str) -> Option<Memory> {
    let bytes = |name: &str| -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kilobytes = line.trim_start_matches(':').trim().trim_end_matches("kB");
        Some(kilobytes.trim().parse::<u64>().ok()? * 1024)
    };
    Some(Memory {
        rss: bytes("Rss:")?,
        pss: bytes("Pss:")?,
        uss: bytes("Private_Clean:")? + bytes("Private_Dirty:")?,
    })
}

/// Busy and idle ticks of the whole machine since it started.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MachineTime {
    idle: f64,
    all: f64,
}

impl MachineTime {
    /// Now.
    pub(crate) fn now() -> Option<Self> {
        parse_machine(&fs::read_to_string("/proc/stat").ok()?)
    }

    /// The share of time since `earlier` in which a core had nothing to do.
    pub(crate) fn idle_share_since(self, earlier: Self) -> f64 {
        let all = self.all - earlier.all;
        if all <= 0.0 {
            return 0.0;
        }
        ((self.idle - earlier.idle) / all).clamp(0.0, 1.0)
    }
}

fn parse_machine(text: &str) -> Option<MachineTime> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    // The last two are of guests, which are counted in the first two as well.
    let ticks: Vec<f64> = line
        .split_whitespace()
        .take(8)
        .filter_map(|field| field.parse().ok())
        .collect();
    Some(MachineTime {
        // Idle, and waiting for a disk.
        idle: ticks.get(3)? + ticks.get(4)?,
        all: ticks.iter().sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_does_not_move_the_fields() {
        let stat = "42 (a (b) c) S 7 1 1 0 -1 0 0 0 0 0 150 50 20 10 20 0 4 0 99";
        let (parent, time) = parse_stat(stat).unwrap();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        assert_eq!(parent, 7);
        assert!((time.own - 200.0 / ticks).abs() < 1e-9);
        assert!((time.ended_children - 30.0 / ticks).abs() < 1e-9);
    }

    #[test]
    fn memory_is_read_from_the_rollup() {
        let text = "x\nRss:   2048 kB\nPss:   1024 kB\nPss_Dirty: 5 kB\n\
                    Private_Clean:   1 kB\nPrivate_Dirty:   2 kB\n";
        let memory = parse_rollup(text).unwrap();
        assert_eq!((memory.rss, memory.pss), (2048 * 1024, 1024 * 1024));
        assert_eq!(memory.uss, 3 * 1024);
    }

    #[test]
    fn idle_time_counts_waiting_for_the_disk() {
        let earlier = parse_machine("cpu  10 0 10 100 0 0 0 0 0 0\n").unwrap();
        let later = parse_machine("cpu  40 0 20 140 20 0 0 0 0 0\n").unwrap();
        assert!((later.idle_share_since(earlier) - 0.6).abs() < 1e-9);
    }
}

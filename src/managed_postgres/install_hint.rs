//! The command that installs PostgreSQL on this platform, for error messages.

use std::fs;

/// How to install some PostgreSQL.
pub(crate) fn any_version() -> String {
    match platform() {
        Platform::Debian => "sudo apt-get install postgresql".to_owned(),
        Platform::Fedora => "sudo dnf install postgresql-server".to_owned(),
        Platform::MacOs => "brew install postgresql@18".to_owned(),
        Platform::Other => "your package manager: the PostgreSQL server package".to_owned(),
    }
}

/// How to install the PostgreSQL server of one major version.
pub(crate) fn version(major: &str) -> String {
    match platform() {
        // Older and newer majors than the distribution's own come from apt.postgresql.org,
        // under the same name.
        Platform::Debian => format!("sudo apt-get install postgresql-{major}"),
        Platform::Fedora => format!("sudo dnf install postgresql{major}-server"),
        Platform::MacOs => format!("brew install postgresql@{major}"),
        Platform::Other => format!(
            "your package manager: the PostgreSQL {major} server package (Debian calls it postgresql-{major})"
        ),
    }
}

/// How to install `pg_dump`, `pg_restore` and `psql` of one major version.
pub(crate) fn client(major: u32) -> String {
    match platform() {
        Platform::Debian => format!("sudo apt-get install postgresql-client-{major}"),
        Platform::Fedora => format!("sudo dnf install postgresql{major}"),
        Platform::MacOs => format!("brew install postgresql@{major}"),
        Platform::Other => format!(
            "your package manager: the PostgreSQL {major} client package (Debian calls it postgresql-client-{major})"
        ),
    }
}

enum Platform {
    Debian,
    Fedora,
    MacOs,
    Other,
}

fn platform() -> Platform {
    if cfg!(target_os = "macos") {
        return Platform::MacOs;
    }
    from_os_release(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

/// Reads `ID` and `ID_LIKE`, so that derivatives get their family's command.
fn from_os_release(text: &str) -> Platform {
    let families: Vec<&str> = text
        .lines()
        .filter_map(|line| {
            line.strip_prefix("ID=")
                .or_else(|| line.strip_prefix("ID_LIKE="))
        })
        .flat_map(|value| value.trim_matches('"').split_whitespace())
        .collect();
    let any = |names: &[&str]| families.iter().any(|family| names.contains(family));
    if any(&["debian", "ubuntu"]) {
        Platform::Debian
    } else if any(&["fedora", "rhel", "centos"]) {
        Platform::Fedora
    } else {
        Platform::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_derivative_gets_the_command_of_its_family() {
        let mint = "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
        assert!(matches!(from_os_release(mint), Platform::Debian));
        let rocky = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
        assert!(matches!(from_os_release(rocky), Platform::Fedora));
        assert!(matches!(from_os_release("ID=alpine\n"), Platform::Other));
    }
}

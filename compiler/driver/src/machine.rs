//! The description of the machine that forms are compared for: built in, or a small text file that `moe info --measure` wrote.
//!
//! ```text
//! # The speeds of a machine.
//! arithmetic = 61.2
//! launch = 2.1e-6
//! …
//! ```

use crate::cache::Cache;
use moe_diagnostics::Diagnostic;
use moe_rewrite::MachineDescription;
use moe_runtime::files::PendingFile;
use moe_runtime::program::Peak;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Which description of the machine is used.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum MachineChoice {
    /// The one that is built in.
    #[default]
    BuiltIn,
    /// The one that was measured and stored for the user, else the one that is built in.
    OfUser,
    /// That in a file.
    File(PathBuf),
}

/// A description, and where it comes from.
#[derive(Clone, PartialEq, Debug)]
pub struct Machine {
    /// The speeds.
    pub description: MachineDescription,
    /// Its file; `None` for the one that is built in.
    pub file: Option<PathBuf>,
}

/// The speeds by name, what each is, and how it is read and written.
type Field = (&'static str, &'static str, fn(&mut MachineDescription) -> &mut f64);

const FIELDS: [Field; 7] = [
    ("arithmetic", "10^9 additions and multiplications a second", |own| &mut own.arithmetic),
    ("integer", "10^9 additions and multiplications of integers, of bytes in products, a second", |own| {
        &mut own.integer
    }),
    ("simple", "10^9 comparisons and choices a second", |own| &mut own.simple),
    ("special", "10^9 divisions, roots and exponentials a second", |own| &mut own.special),
    ("bandwidth", "10^9 bytes a second between memory and the cores", |own| &mut own.bandwidth),
    ("launch", "seconds to start a loop nest on all cores", |own| &mut own.launch),
    ("ragged", "times as long the same arithmetic takes over packed rows", |own| &mut own.ragged),
];

impl Machine {
    /// The description that is chosen.
    ///
    /// # Errors
    /// If its file cannot be read, or says something that is no description.
    pub fn open(choice: &MachineChoice) -> Result<Machine, Diagnostic> {
        let built_in = Machine { description: MachineDescription::default(), file: None };
        match choice {
            MachineChoice::BuiltIn => Ok(built_in),
            MachineChoice::File(path) => Machine::read(path),
            MachineChoice::OfUser => match stored().filter(|path| path.exists()) {
                Some(path) => Machine::read(&path),
                None => Ok(built_in),
            },
        }
    }

    fn read(path: &Path) -> Result<Machine, Diagnostic> {
        let wrong = |why: &str| {
            let message = format!("{} is no description of a machine: {why}", path.display());
            Diagnostic::plain_error("E0020", message).hint(
                "`moe info --measure` writes one; an empty MOE_MACHINE stands for the one that is built in",
            )
        };
        let text = fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
        let description = parse(&text).map_err(|why| wrong(&why))?;
        Ok(Machine { description, file: Some(path.to_path_buf()) })
    }

    /// Writes the description to a file, whole or not at all.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn store(description: MachineDescription, path: &Path) -> Result<Machine, Diagnostic> {
        let failed = |why: &dyn std::fmt::Display| {
            Diagnostic::plain_error("E0013", format!("cannot write {}: {why}", path.display()))
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        }
        PendingFile::whole(path, print(description).as_bytes()).map_err(|error| failed(&error.message()))?;
        Ok(Machine { description, file: Some(path.to_path_buf()) })
    }

    /// What the machine does at most, if that was measured.
    pub fn peak(&self) -> Option<Peak> {
        let [operations, bytes] =
            [self.description.arithmetic, self.description.bandwidth].map(|speed| (speed * 1e9) as u64);
        self.file.as_ref().map(|_| Peak { operations, bytes })
    }

    /// Where the speeds come from, in words.
    pub fn origin(&self) -> String {
        match &self.file {
            Some(path) => format!("read from {}", path.display()),
            None => "built in; `moe info --measure` measures this machine".to_owned(),
        }
    }

    /// The speeds for people, a line each.
    pub fn lines(&self) -> String {
        let mut own = self.description;
        FIELDS.iter().fold(String::new(), |mut text, (name, what, field)| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {name:<10} {:<9} {what}", written(*field(&mut own)));
            text
        })
    }
}

/// Where the description of this machine is stored; `None` where the user has no folder for it.
pub fn stored() -> Option<PathBuf> {
    Some(Cache::of_user().folder()?.join("machine.toml"))
}

fn written(value: f64) -> String {
    if (0.01..1e6).contains(&value) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

fn print(mut description: MachineDescription) -> String {
    let mut text = "# The speeds of a machine, by which `moe` compares forms of a model.\n".to_owned();
    for (name, what, field) in FIELDS {
        let _ = writeln!(text, "{name} = {}  # {what}", written(*field(&mut description)));
    }
    text
}

/// Every speed once, above zero.
fn parse(text: &str) -> Result<MachineDescription, String> {
    let mut found: BTreeMap<&str, f64> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| format!("line {number} is not of the form `name = number`"))?;
        let (name, value) = (name.trim(), value.trim());
        if !FIELDS.iter().any(|(known, _, _)| *known == name) {
            return Err(format!("line {number} names `{name}`, which is no speed"));
        }
        let speed = value.parse::<f64>().ok().filter(|speed| speed.is_normal() && *speed > 0.0);
        let speed = speed.ok_or_else(|| format!("`{value}` in line {number} is no number above 0"))?;
        if found.insert(name, speed).is_some() {
            return Err(format!("line {number} says `{name}` again"));
        }
    }
    let mut description = MachineDescription::default();
    for (name, _, field) in FIELDS {
        *field(&mut description) = *found.get(name).ok_or_else(|| format!("it does not say `{name}`"))?;
    }
    Ok(description)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unlike_the_default() -> MachineDescription {
        MachineDescription {
            arithmetic: 123.5,
            integer: 1.5,
            simple: 0.25,
            special: 3e7,
            bandwidth: 7.0,
            launch: 2.5e-7,
            ragged: 1.0,
        }
    }

    #[test]
    fn what_is_written_is_read() {
        for description in [unlike_the_default(), MachineDescription::default()] {
            assert_eq!(parse(&print(description)), Ok(description), "{}", print(description));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new folder/machine.toml");
        let stored = Machine::store(unlike_the_default(), &path).unwrap();
        assert_eq!(Machine::open(&MachineChoice::File(path)).unwrap(), stored);
    }

    #[test]
    fn what_is_no_description_is_refused() {
        let good = print(MachineDescription::default());
        let wrong = |text: String| parse(&text).unwrap_err();
        assert_eq!(wrong(String::new()), "it does not say `arithmetic`");
        assert_eq!(wrong(good.replace("ragged =", "# ragged =")), "it does not say `ragged`");
        assert_eq!(wrong(good.replace("60", "fast")), "`fast` in line 2 is no number above 0");
        for number in ["-1", "0", "inf", "NaN", ""] {
            let why = format!("`{number}` in line 2 is no number above 0");
            assert_eq!(wrong(good.replace("60", number)), why);
        }
        assert_eq!(wrong(format!("{good}launch = 1")), "line 9 says `launch` again");
        assert_eq!(wrong(format!("{good}latency = 1")), "line 9 names `latency`, which is no speed");
        assert_eq!(wrong(format!("{good}launch")), "line 9 is not of the form `name = number`");
        let missing = Machine::open(&MachineChoice::File(PathBuf::from("/no/such/file"))).unwrap_err();
        assert_eq!(missing.code, "E0020");
    }

    #[test]
    fn without_a_choice_it_is_built_in() {
        let machine = Machine::open(&MachineChoice::default()).unwrap();
        assert_eq!(machine.description, MachineDescription::default());
        assert!(machine.origin().starts_with("built in"));
        assert!(machine.lines().contains("  launch     1e-6      seconds"), "{}", machine.lines());
    }
}

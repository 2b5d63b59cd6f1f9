//! The options of a built program.

use crate::error::{codes, Error};
use crate::weights::closest;
use std::path::PathBuf;
use std::str::FromStr;

/// The form of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ErrorFormat {
    /// For people.
    #[default]
    Human,
    /// One line each.
    Short,
    /// One JSON object a line.
    Json,
}

/// What is to be run, on what, and what is to be told of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RunOptions {
    /// The weights; without them those inside the program, if there are any.
    pub weights: Option<PathBuf>,
    /// `[NAME=]FILE`.
    pub inputs: Vec<String>,
    /// `[NAME=]FILE`.
    pub outputs: Vec<String>,
    /// `[NAME=]TEXT`.
    pub texts: Vec<String>,
    /// The file or folder of a tokenizer.
    pub tokenizer: Option<PathBuf>,
    /// How many threads; `None`: as MOE_THREADS says, else as many as there are cores.
    pub threads: Option<usize>,
    /// So many more runs are timed.
    pub repeat: Option<usize>,
    /// Print operations and bytes counted while running.
    pub count: bool,
    /// Where a trace of the latest run's kernels goes.
    pub profile: Option<PathBuf>,
    /// Print observed values whose dotted names match.
    pub dump: Vec<String>,
    /// Stop where a value is not finite.
    pub check_finite: bool,
    /// Free sizes for [`Action::Info`].
    pub sizes: Vec<(String, i64)>,
    /// The form of messages.
    pub error_format: ErrorFormat,
}

/// What a built program is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Run the model.
    Run,
    /// Print what the model is.
    Info,
    /// Print the options.
    Help,
}

/// The text of `--help`, after a line that names the model.
pub const HELP: &str = "\
      --weights W.safetensors   the weights; not needed where the program carries them in itself
      --input [NAME=]FILE       an input, from a .npy file, or from a .safetensors file:
                                  x=F.safetensors:KEY   the tensor KEY
                                  x=F.safetensors       the tensor x
                                  F.safetensors         every input that is not given otherwise
                                  x=F.txt               the tokens of a text
                                  x=0.5                 a number, for an input without axes
                                the name may be left out where the model has one input
      --text [NAME=]TEXT        an input from a text
      --tokenizer F             what makes tokens of texts: a tokenizer.json, a vocab.json with merges.txt beside it,
                                a .model of sentencepiece, a tokenizer.bin of llama2.c, or a folder with one of them;
                                outputs that are lists of integers are then printed as texts
      --output [NAME=]FILE      where an output goes: a .npy file, or a .safetensors file,
                                which may take several, or a .txt file for a text; F.safetensors alone takes every output
                                that does not go elsewhere; the others are printed short
      --threads T               how many threads [default: MOE_THREADS, else as many as there are cores]
      --repeat R                run R times more, and print the shortest, median and longest time
      --count                   print the operations and bytes counted while running
      --profile F.json          print the time of each kernel (with --repeat, in the run of median time), and write
                                a trace that browsers open (chrome://tracing, ui.perfetto.dev)
      --dump PATTERN            print observed values whose dotted names match; `*` stands for any text
      --check-finite            stop where a value is infinite or not a number (-inf inside the model is let be:
                                it stands for what is never chosen)
      --info                    print inputs, outputs, weights, kernels and memory, and run nothing
      --set NAME=VALUE          a free size, for --info
      --error-format FORM       human, short or json [default: human]
  -h, --help                    print this

Exit status: 0 all is well, 1 the data is wrong, 2 the command line is wrong, 101 our mistake.
";

const NAMES: [&str; 16] = [
    "--weights",
    "--input",
    "--output",
    "--text",
    "--tokenizer",
    "--threads",
    "--repeat",
    "--count",
    "--profile",
    "--dump",
    "--check-finite",
    "--info",
    "--set",
    "--error-format",
    "--help",
    "-h",
];

impl RunOptions {
    /// The options that a command line says, without the name of the program.
    ///
    /// # Errors
    /// If an option is unknown, or its value is missing or wrong.
    pub fn parse(arguments: &[String]) -> Result<(Action, Self), Error> {
        let mut options = RunOptions::default();
        let mut action = Action::Run;
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (name, given) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value)),
                _ => (argument.as_str(), None),
            };
            match (name, given) {
                ("--count", None) => options.count = true,
                ("--check-finite", None) => options.check_finite = true,
                ("--info", None) => action = Action::Info,
                ("--help" | "-h", None) => return Ok((Action::Help, options)),
                ("--count" | "--check-finite" | "--info" | "--help", Some(_)) => {
                    return Err(usage(format!("`{name}` takes no value")));
                }
                _ => {
                    check_name(name)?;
                    let value = given.or_else(|| rest.next().map(String::as_str));
                    options.set(name, value.ok_or_else(|| usage(format!("`{name}` needs a value")))?)?;
                }
            }
        }
        Ok((action, options))
    }

    /// Sets an option that has a value.
    fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "--weights" => once(&mut self.weights, PathBuf::from(value), name),
            "--input" => {
                self.inputs.push(value.to_owned());
                Ok(())
            }
            "--output" => {
                self.outputs.push(value.to_owned());
                Ok(())
            }
            "--text" => {
                self.texts.push(value.to_owned());
                Ok(())
            }
            "--tokenizer" => once(&mut self.tokenizer, PathBuf::from(value), name),
            "--profile" => once(&mut self.profile, PathBuf::from(value), name),
            "--dump" => {
                self.dump.push(value.to_owned());
                Ok(())
            }
            "--threads" => once(&mut self.threads, number(name, value, 1)?, name),
            "--repeat" => once(&mut self.repeat, number(name, value, 1)?, name),
            "--set" => {
                let (size, text) = value.split_once('=').ok_or_else(|| usage("`--set` needs NAME=VALUE"))?;
                self.sizes.push((size.to_owned(), number("--set", text, 0)?));
                Ok(())
            }
            _ => {
                self.error_format = match value {
                    "human" => ErrorFormat::Human,
                    "short" => ErrorFormat::Short,
                    "json" => ErrorFormat::Json,
                    _ => {
                        return Err(usage(format!(
                            "`{value}` is no form of messages; there are human, short and json"
                        )))
                    }
                };
                Ok(())
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), Error> {
    if NAMES.contains(&name) {
        return Ok(());
    }
    if !name.starts_with('-') {
        return Err(usage(format!("`{name}` is no option")).hint("inputs are given as --input NAME=FILE"));
    }
    let error = usage(format!("there is no option `{name}`"));
    Err(match closest(name, NAMES) {
        Some(near) => error.hint(format!("there is `{near}`")),
        None => error.hint("--help lists the options"),
    })
}

fn once<T>(place: &mut Option<T>, value: T, name: &str) -> Result<(), Error> {
    match place.replace(value) {
        Some(_) => Err(usage(format!("`{name}` is given twice"))),
        None => Ok(()),
    }
}

fn number<T: FromStr + PartialOrd + From<u8>>(name: &str, value: &str, least: u8) -> Result<T, Error> {
    let wrong =
        || usage(format!("`{value}` is no value for `{name}`; it needs a whole number, at least {least}"));
    value.parse().ok().filter(|number| *number >= T::from(least)).ok_or_else(wrong)
}

fn usage(message: impl Into<String>) -> Error {
    Error::new(codes::USAGE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Action, RunOptions), Error> {
        RunOptions::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_in_both_spellings() {
        let (action, options) = parse(
            "--weights=W --input x=X.npy --input=z=Z --threads 3 --repeat=5 --count --dump a.* --dump b",
        )
        .unwrap();
        assert_eq!(action, Action::Run);
        assert_eq!(options.weights, Some("W".into()));
        assert_eq!(options.inputs, ["x=X.npy", "z=Z"]);
        assert_eq!((options.threads, options.repeat, options.count), (Some(3), Some(5), true));
        assert_eq!(options.dump, ["a.*", "b"]);
        let (action, options) = parse("--info --set N=4096 --error-format json").unwrap();
        assert_eq!(
            (action, options.sizes, options.error_format),
            (Action::Info, vec![("N".into(), 4096)], ErrorFormat::Json)
        );
    }

    #[test]
    fn wrong_usage_is_said() {
        let message = |text: &str| {
            let error = parse(text).unwrap_err();
            assert!(error.is_usage());
            format!("{error} ({})", error.hint_text().unwrap_or(""))
        };
        assert_eq!(message("--wieghts W"), "there is no option `--wieghts` (there is `--weights`)");
        assert_eq!(message("--xyzzyplugh"), "there is no option `--xyzzyplugh` (--help lists the options)");
        assert_eq!(message("X.npy"), "`X.npy` is no option (inputs are given as --input NAME=FILE)");
        assert_eq!(message("--weights"), "`--weights` needs a value ()");
        assert_eq!(message("--weights A --weights B"), "`--weights` is given twice ()");
        assert_eq!(
            message("--threads 0"),
            "`0` is no value for `--threads`; it needs a whole number, at least 1 ()"
        );
        assert_eq!(message("--count=1"), "`--count` takes no value ()");
        assert_eq!(
            message("--error-format xml"),
            "`xml` is no form of messages; there are human, short and json ()"
        );
    }
}

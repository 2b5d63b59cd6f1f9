//! The description of the machine: built in, in a file, measured.

use crate::person::Person;

const MODEL: &str = "moe 1
use std::expert::swiglu::swiglu
use std::gate::top_k::top_k

model Block[D = 32, H = 64, E = 8, K = 4](x: f32[N, D]) -> f32[N, D] {
    part gate = top_k[E, K]
    part experts = [swiglu[H]; E]
    let g = gate(x)
    x + sum e: E { g[_, e] * experts[e](x) }
}
";

/// A machine on which all is fast but packed rows.
const NO_PACKING: &str = "# Made up.
arithmetic = 1000
integer = 1000
simple = 1000 # a comment
special = 1000
bandwidth = 1e3
launch = 1e-9
ragged = 100.0
";

#[test]
fn a_file_decides_what_pays() {
    let person = Person::new();
    person.write("block.moe", MODEL);
    person.write("no_packing.toml", NO_PACKING);
    let built_in = person.moe(&["explain", "block.moe"]).fine().out;
    assert!(built_in.contains("pack rows"), "{built_in}");
    assert!(built_in.ends_with("is built in; `moe info --measure` measures this machine\n"), "{built_in}");
    let other = person.moe(&["explain", "block.moe", "--machine", "no_packing.toml"]).fine().out;
    assert!(!other.contains("pack rows"), "{other}");
    assert!(other.ends_with("is read from no_packing.toml\n"), "{other}");
    for again in 0..2 {
        let said = person.moe(&["explain", "block.moe", "--machine", "no_packing.toml"]).fine().out;
        assert_eq!(said, other, "{again}");
        assert_eq!(person.moe(&["explain", "block.moe", "--machine", ""]).fine().out, built_in, "{again}");
    }
    let said = person.moe(&["info", "--machine", "no_packing.toml"]).fine().out;
    assert!(said.contains("speeds, read from no_packing.toml\n  arithmetic 1000 "), "{said}");
    assert!(person.moe(&["info"]).fine().out.contains("speeds, built in"), "{said}");
}

#[test]
fn a_file_that_is_no_description_is_refused() {
    let person = Person::new();
    person.write("block.moe", MODEL);
    person.write("bad.toml", NO_PACKING.replace("1e-9", "none"));
    for command in [
        "explain block.moe",
        "build block.moe -o block",
        "info block.moe",
        "info",
        "emit block.moe --stage rewritten",
    ] {
        let mut arguments: Vec<&str> = command.split(' ').collect();
        arguments.extend(["--machine", "bad.toml"]);
        person.moe(&arguments).wrong(&[
            "E0020",
            "`none` in line 7 is no number above 0",
            "moe info --measure",
        ]);
    }
    person.moe(&["info", "--machine", "missing.toml"]).wrong(&["E0020", "missing.toml"]);
}

#[test]
fn what_is_measured_is_stored_and_used() {
    let person = Person::new();
    person.write("block.moe", MODEL);
    let said = person.moe(&["info", "--measure", "--machine", "here.toml"]).fine().out;
    assert!(said.contains("stored in here.toml\n") && said.contains("bandwidth"), "{said}");
    let used = person.moe(&["info", "--machine", "here.toml"]).fine().out;
    let speeds = |text: &str| -> Vec<String> {
        text.lines().skip_while(|line| !line.starts_with("speeds")).skip(1).map(str::to_owned).collect()
    };
    assert_eq!(speeds(&said), speeds(&used));
    assert_eq!(speeds(&said).len(), 7);
    // Where no file is named it is the user's own.
    let stored = person.moe(&["info", "--measure"]).fine().out;
    assert!(stored.contains("machine.toml\n"), "{stored}");
    let said = person.moe(&["explain", "block.moe"]).fine().out;
    assert!(said.contains("is read from ") && said.trim_end().ends_with("machine.toml"), "{said}");
}

//! Models as people write them, through the checker: dispatched from types alone.

use crate::compare::{assert_equal, Data};
use crate::texts::{DISPATCHED, USES};
use moe_check::{load, Setting, SourceFile, Sources};
use moe_grammar::FileId;
use moe_graph::{Module, Operation, Size};
use moe_rewrite::{rewrite, Options, Rewritten};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The graph of the first model of a text, with the sizes given.
pub fn elaborate(text: &str, sizes: &[(&str, i64)]) -> Module {
    let module = vec!["main".to_owned()];
    let mut files = vec![SourceFile { path: "main.moe".to_owned(), module, text: text.to_owned() }];
    files.extend(moe_stdlib::FILES.iter().map(|(path, text)| SourceFile::of_library(path, text)));
    let program = load(Sources { files });
    assert_eq!(program.diagnostics(), []);
    let model = program.models(FileId(0))[0].name.clone();
    let settings: BTreeMap<String, Setting> =
        sizes.iter().map(|(name, value)| ((*name).to_owned(), Setting::Integer(*value))).collect();
    match program.elaborate(FileId(0), &model, &settings) {
        Ok(elaborated) => elaborated.module,
        Err(diagnostics) => panic!("{diagnostics:#?}"),
    }
}

pub fn flops(size: &Size) -> f64 {
    size.evaluate(&|_| Some(128)).unwrap() as f64
}

/// Rewrites, compares what is computed, and asserts the part of the FLOPs that is left.
fn dispatched(text: &str, most: f64) -> Rewritten {
    let module = elaborate(text, &[]);
    let rewritten = rewrite(&module, &Options::default()).unwrap();
    let report = rewritten.report.render();
    for rows in [1, 3] {
        assert_equal(&module, &rewritten.module, rows, Data::Any, 9, &report);
    }
    let (before, after) = (rewritten.report.before().unwrap(), rewritten.report.after().unwrap());
    let part = flops(&after.flops) / flops(&before.flops);
    assert!(part <= most, "{part} of the FLOPs are left\n{report}");
    let packs = |function: &moe_graph::Function| {
        function.nodes.iter().any(|node| matches!(node.operation, Operation::Pack { .. }))
    };
    assert!(rewritten.module.functions.iter().any(packs), "{report}");
    assert_eq!(rewritten.report.dense, [], "{report}");
    rewritten
}

/// A value that is itself split and merged again is bounded by way of itself, and the search ends all the same.
#[test]
fn what_is_undone_says_no_more_each_time() {
    let text = "moe 1
        model M[D = 4](x: f32[N, D], c: f32[N, D]) -> f32[P, W, D] {
            axis W = 2
            axis P = N + 0
            axis A = 1
            axis B = 2
            let v = where(c < 0.5, x, 0.0)
            let w: f32[P, W, D] = window[P, W](v, over N, stride = 2, before = 1)
            merge[W](split[A, B](w, over W), over (A, B))
        }";
    let module = elaborate(text, &[]);
    let rewritten = rewrite(&module, &Options::default()).unwrap();
    let merges = |node: &moe_graph::Node| matches!(node.operation, Operation::Merge { .. });
    assert!(!rewritten.module.functions[0].nodes.iter().any(merges));
    assert_equal(&module, &rewritten.module, 3, Data::Any, 9, &rewritten.report.render());
}

#[test]
fn models_are_dispatched() {
    for (name, text, most) in DISPATCHED {
        println!("{name}");
        dispatched(&text(), most);
    }
}

#[test]
fn the_fashion_example() {
    let text = fs::read_to_string(root().join("examples/fashion/fashion.moe")).unwrap();
    let rewritten = dispatched(&text, 0.6);
    insta::assert_snapshot!(rewritten.report.render());
}

#[test]
fn the_mixtral_example() {
    let text = fs::read_to_string(root().join("examples/mixtral/mixtral.moe")).unwrap();
    dispatched(&text, 0.27);
}

#[test]
fn a_gate_on_sequences() {
    let text = format!(
        "moe 1\n{USES}\n\
         model Block[D = 64, H = 96, T = 8, E = 8, K = 2](x: f32[N, T, D]) -> f32[N, T, D] {{\n\
             part gate = top_k[E, K]\npart experts = [mlp[H]; E]\n\
             let g = gate(mean(x, over T))\n\
             sum e: E {{ g[_, e] * experts[e](x) }}\n\
         }}\n"
    );
    dispatched(&text, 0.27);
}

/// A gate that the library has not: scores squared, those that are at least half the best of three kept.
#[test]
fn a_gate_of_the_users_own() {
    let text = format!(
        "moe 1\n{USES}\n\
         gate bold[E](x: f32[.., D]) -> f32[.., 3 of E] {{\n\
             weight weight: f32[D, E] = glorot\n\
             let s = x @ weight\n\
             let best = where(largest_mask[3](s, over E), s * s, 0)\n\
             let bold = where(best > 0.5 * max(best, over E), best, 0)\n\
             bold / (1 + sum(bold, over E))\n\
         }}\n\
         model Block[D = 64, H = 96, E = 16](x: f32[N, D]) -> f32[N, D] {{\n\
             part gate = bold[E]\npart experts = [swiglu[H]; E]\n\
             let g: f32[N, 3 of E] = gate(x)\n\
             sum e: E {{ g[_, e] * experts[e](x) }}\n\
         }}\n"
    );
    dispatched(&text, 0.2);
}

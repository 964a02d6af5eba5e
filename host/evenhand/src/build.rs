//! `evenhand build`: a publisher's project becomes a component with its manifest.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use catalog::digest;
use manifest::Project;

/// Where programs come from that a project may run.
const PROGRAMS: &[(&str, &str)] = &[
    ("cargo", "install Rust by rustup"),
    ("rustup", "install Rust by rustup"),
    (
        "python3",
        "install Python 3.10 or newer, with its modules venv and pip",
    ),
    ("npm", "install Node.js 20 or newer, which has it"),
    ("node", "install Node.js 20 or newer"),
];

/// Builds a project and says what came of it.
pub(crate) fn run(folder: &Path) -> Result<ExitCode> {
    let file = build(folder)?;
    let bytes = fs::read(&file)?;
    println!("{}", file.display());
    println!("  {} bytes, SHA-256 {}", bytes.len(), digest(&bytes));
    Ok(ExitCode::SUCCESS)
}

/// Runs the commands of a project's `plugin.toml`, puts the manifest into the component that they make, and returns where that is:
/// `FOLDER/PLUGIN.wasm`. Whoever watches that file sees a whole one or none.
pub(crate) fn build(folder: &Path) -> Result<PathBuf> {
    let project = Project::open(folder)?;
    let folder = std::path::absolute(folder)?;
    let plugin = project.plugin.name.plugin();
    let to = folder.join(format!("{plugin}.wasm"));
    let from = folder.join(&project.build.component);
    ensure!(
        from != to,
        "build.component of {}: {plugin}.wasm is the place of the component with its manifest; let the commands make another file",
        folder.join(manifest::FILE).display()
    );
    for command in &project.build.commands {
        step(&folder, command)?;
    }
    let component = fs::read(&from).with_context(|| {
        format!(
            "the commands ended well and did not make {} (build.component of plugin.toml)",
            from.display()
        )
    })?;
    let component =
        manifest::embed(component, &project.plugin).with_context(|| from.display().to_string())?;
    let part = folder.join(format!(".{plugin}.wasm.part"));
    fs::write(&part, component).with_context(|| part.display().to_string())?;
    fs::rename(&part, &to).with_context(|| to.display().to_string())?;
    Ok(to)
}

/// Runs one command of a project in its folder, on our terminal.
fn step(folder: &Path, command: &[String]) -> Result<()> {
    let line = command.join(" ");
    let [program, arguments @ ..] = command else {
        bail!("build.commands: one is empty");
    };
    eprintln!("evenhand: {line}");
    // What has a folder in its name is the project's own.
    let path = match program.contains('/') {
        true => folder.join(program),
        false => program.into(),
    };
    match Command::new(path)
        .args(arguments)
        .current_dir(folder)
        .status()
    {
        Ok(status) => {
            ensure!(status.success(), "`{line}` ended with {status}");
            Ok(())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let known = PROGRAMS.iter().find(|(name, _)| name == program);
            let hint = known.map_or(
                "install it, or change build.commands of plugin.toml",
                |(_, hint)| hint,
            );
            bail!("`{line}`: there is no program {program}: {hint}")
        }
        Err(error) => Err(error).with_context(|| format!("`{line}` could not be started")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &str = "printf '\\0asm\\r\\0\\1\\0' > made.wasm";

    fn project(commands: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "[plugin]\nname = \"acme/weather\"\nversion = \"1.2.0\"\nlicence = \"MIT\"\n\
             [build]\ncommands = {commands}\ncomponent = \"made.wasm\"\n"
        );
        fs::write(folder.path().join(manifest::FILE), text).unwrap();
        folder
    }

    fn failure(commands: &str) -> String {
        let folder = project(commands);
        let error = format!("{:#}", build(folder.path()).unwrap_err());
        assert!(!folder.path().join("weather.wasm").exists());
        error
    }

    #[test]
    fn commands_run_in_the_folder_and_the_manifest_is_put_in() {
        let folder = project(&format!("[[\"sh\", \"-c\", {COMPONENT:?}]]"));
        let built = build(folder.path()).unwrap();
        assert_eq!(built, folder.path().join("weather.wasm"));
        let manifest = manifest::read(&fs::read(&built).unwrap()).unwrap().unwrap();
        assert_eq!(manifest.name.to_string(), "acme/weather");
        // Again, over what is there.
        assert_eq!(build(folder.path()).unwrap(), built);
        let left = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 3, "plugin.toml, made.wasm, weather.wasm");
    }

    #[test]
    fn a_project_s_own_programs_are_found() {
        let folder = project(r#"[["bin/make"]]"#);
        let program = folder.path().join("bin/make");
        fs::create_dir(program.parent().unwrap()).unwrap();
        fs::write(&program, format!("#!/bin/sh\n{COMPONENT}\n")).unwrap();
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        assert!(build(folder.path()).is_ok());
    }

    #[test]
    fn what_goes_wrong_is_said() {
        let failed = failure(r#"[["sh", "-c", "exit 3"]]"#);
        assert!(
            failed.contains("`sh -c exit 3` ended with exit status: 3"),
            "{failed}"
        );
        let missing = failure(r#"[["no-such-program", "x"]]"#);
        assert!(
            missing.contains("there is no program no-such-program: install it"),
            "{missing}"
        );
        let nothing = failure(r#"[["true"]]"#);
        assert!(nothing.contains("did not make"), "{nothing}");
        let text = failure(r#"[["sh", "-c", "echo text > made.wasm"]]"#);
        assert!(text.contains("the component can't be read"), "{text}");
    }

    #[test]
    fn the_component_is_not_where_the_plugin_goes() {
        let folder = project("[[\"true\"]]");
        let file = folder.path().join(manifest::FILE);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace("made.wasm", "weather.wasm")).unwrap();
        let error = build(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("let the commands make another file"),
            "{error}"
        );
    }
}

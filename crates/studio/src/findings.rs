//! What the worker finds, in the words of the contract: the worker knows nobody who reads, the contract knows no worker.

use std::path::Path;

use atelier_contract::{Finding, Refusal};
use atelier_worker_protocol::client::{ClientError, Ending, Silence};
use atelier_worker_protocol::{
    Failure, FileFault, HealthProblem, ModelFault, PreflightProblem, PreflightWarning, RequestFault,
};

/// What a person is told of a failure that the worker reports.
pub(crate) fn refusal(failure: &Failure) -> Refusal {
    match failure {
        Failure::OutOfMemory => Refusal::OutOfMemory {
            needed_mb: None,
            available_mb: None,
        },
        Failure::FileInvalid { file, fault } => Refusal::FileInvalid {
            file: name(file),
            reason: of_file(fault),
        },
        Failure::FileUnsafe { file } => Refusal::FileUnsafe { file: name(file) },
        Failure::FileMissing { file } => Refusal::FileMissing { file: name(file) },
        Failure::LoraMismatch {
            file,
            matched,
            layers,
            missing,
        } => Refusal::LoraMismatch {
            file: name(file),
            matched: *matched,
            layers: *layers,
            missing: missing.clone(),
        },
        Failure::LoraForOtherModel { file, made_for, model } => Refusal::LoraForOtherModel {
            file: name(file),
            made_for: made_for.clone(),
            model: model.clone(),
        },
        Failure::ModelUnsupported { file, fault } => Refusal::ModelUnsupported {
            file: name(file),
            reason: of_model(fault),
        },
        Failure::DiskFull { file } => Refusal::DiskFull { path: name(file) },
        Failure::NotWritable { file } => Refusal::NotWritable { path: name(file) },
        Failure::LossNotFinite { step, kept: _ } => Refusal::LossNotFinite {
            style: String::new(),
            step: *step,
        },
        Failure::RequestInvalid { fault } => Refusal::NotPossible {
            reason: of_request(fault),
        },
        Failure::Internal { message } => Refusal::Internal {
            reason: message.clone(),
        },
    }
}

fn name(file: &Path) -> String {
    file.display().to_string()
}

fn of_file(fault: &FileFault) -> Finding {
    match fault {
        FileFault::NotSafetensors => Finding::NotSafetensors {},
        FileFault::NotConfiguration => Finding::NotConfiguration {},
        FileFault::NotVocabulary => Finding::NotVocabulary {},
        FileFault::TensorMissing { tensor } => Finding::TensorMissing { tensor: tensor.clone() },
        FileFault::TensorShape { tensor } => Finding::TensorShape { tensor: tensor.clone() },
        FileFault::NotALora => Finding::NotALora {},
        FileFault::OtherAdapter { adapter } => Finding::OtherAdapter {
            adapter: adapter.clone(),
        },
        FileFault::LayerIncomplete { layer } => Finding::LayerIncomplete { layer: layer.clone() },
        FileFault::NotAPicture => Finding::NotAPicture {},
        FileFault::CropOutside => Finding::CropOutsidePicture {},
        FileFault::OtherTraining => Finding::OtherTraining {},
        FileFault::NotReadable => Finding::NotReadable {},
        FileFault::Io => Finding::SystemFailed {},
    }
}

fn of_model(fault: &ModelFault) -> Finding {
    match fault {
        ModelFault::OtherKind => Finding::ModelOtherKind {},
        ModelFault::Setting { setting } => Finding::ModelSetting {
            setting: setting.clone(),
        },
        ModelFault::Format { format } => Finding::ModelFormat { format: format.clone() },
    }
}

fn of_request(fault: &RequestFault) -> Finding {
    match fault {
        RequestFault::Size { multiple_px } => Finding::SizeNotAMultiple {
            multiple_px: *multiple_px,
        },
        RequestFault::Steps { steps, steps_max } => Finding::StepsTooMany {
            steps: *steps,
            steps_max: *steps_max,
        },
        RequestFault::Setting { setting } => Finding::SettingUnusable {
            setting: setting.clone(),
        },
        RequestFault::NoPictures => Finding::NoPictures {},
        RequestFault::NothingToAdapt => Finding::NothingToAdapt {},
        RequestFault::Prompt => Finding::PromptUnspellable {},
        RequestFault::NameUnknown { name } => Finding::NameUnknown { unknown: name.clone() },
        RequestFault::Input { input, found, wanted } => {
            let (input, wanted) = (input.clone(), shape(wanted));
            match found {
                None => Finding::InputMissing { input, wanted },
                Some(found) => Finding::InputShape {
                    input,
                    found: shape(&found.iter().copied().map(Some).collect::<Vec<_>>()),
                    wanted,
                },
            }
        }
        RequestFault::Tokens { input, vocabulary } => Finding::InputTokens {
            input: input.clone(),
            vocabulary: *vocabulary as u64,
        },
        RequestFault::Missing { what } => Finding::PartMissing { part: what.clone() },
    }
}

/// `[2, 4, *, *]`: an asterisk for any size.
fn shape(sizes: &[Option<usize>]) -> String {
    let sizes: Vec<_> = sizes
        .iter()
        .map(|size| size.map_or_else(|| "*".to_owned(), |size| size.to_string()))
        .collect();
    format!("[{}]", sizes.join(", "))
}

/// What is wrong with a trained style.
#[must_use]
pub fn of_health(problem: &HealthProblem) -> Finding {
    match *problem {
        HealthProblem::NotNumbers { layers } => Finding::LayersNotNumbers { layers },
        HealthProblem::NothingLearnt { layers } => Finding::LayersWithoutEffect { layers },
        HealthProblem::LayersLost { matched, layers } => Finding::LayersLost { matched, layers },
        HealthProblem::PictureUnchanged => Finding::PictureUnchanged {},
    }
}

/// What speaks against a training.
#[must_use]
pub fn of_problem(problem: &PreflightProblem) -> Finding {
    match problem {
        PreflightProblem::Setting { setting } => Finding::SettingUnusable {
            setting: setting.clone(),
        },
        PreflightProblem::Picture { file } => Finding::PictureUnusable { file: name(file) },
        PreflightProblem::TooFewPictures { pictures, pictures_min } => Finding::TooFewPictures {
            pictures: *pictures,
            pictures_min: *pictures_min,
        },
        PreflightProblem::NoName => Finding::StyleWithoutName {},
        PreflightProblem::Memory {
            needed_bytes,
            available_bytes,
        } => Finding::MemoryShort {
            needed_mb: needed_bytes.div_ceil(1_000_000),
            available_mb: available_bytes / 1_000_000,
        },
    }
}

/// What deserves a look before a training.
#[must_use]
pub fn of_warning(warning: &PreflightWarning) -> Finding {
    match *warning {
        PreflightWarning::Untagged { pictures, all } => Finding::PicturesUntagged { pictures, all },
        PreflightWarning::Repeated { pictures } => Finding::PicturesRepeated { pictures },
        PreflightWarning::NotAllSeen { steps } => Finding::PicturesNotSeen { steps },
        PreflightWarning::Enlarged { pictures } => Finding::PicturesEnlarged { pictures },
    }
}

/// How a worker ended. What it said last stands in the log.
pub(crate) fn of_ending(ending: &Ending) -> Finding {
    match (ending.signal, ending.code) {
        (Some(signal), _) => Finding::ProgramKilled { signal },
        (None, Some(exit_code)) => Finding::ProgramEnded { exit_code },
        (None, None) => Finding::ProgramSilent {},
    }
}

/// Why a worker cannot be talked to.
pub(crate) fn of_client(error: &ClientError) -> Finding {
    match error {
        ClientError::NotStarted { .. } => Finding::ProgramNotStarted {},
        ClientError::NoHello { silence, .. } => match silence {
            Silence::TooLong => Finding::ProgramSilent {},
            Silence::Garbled(_) => Finding::ProgramGarbled {},
            Silence::Ended(ending) => of_ending(ending),
        },
        ClientError::Ended(ending) => of_ending(ending),
        ClientError::OtherVersion { .. } | ClientError::Framing(_) => Finding::ProgramGarbled {},
    }
}

#[cfg(test)]
mod tests {
    use atelier_contract::Language;

    use super::*;

    /// Letters of the names below, which no sentence of ours has.
    const NAME: &str = "qqq";

    fn failures() -> Vec<Failure> {
        let name = || NAME.to_owned();
        let file_faults = [
            FileFault::NotSafetensors,
            FileFault::NotConfiguration,
            FileFault::NotVocabulary,
            FileFault::TensorMissing { tensor: name() },
            FileFault::TensorShape { tensor: name() },
            FileFault::NotALora,
            FileFault::OtherAdapter { adapter: name() },
            FileFault::LayerIncomplete { layer: name() },
            FileFault::NotAPicture,
            FileFault::CropOutside,
            FileFault::OtherTraining,
            FileFault::NotReadable,
            FileFault::Io,
        ];
        let model_faults = [
            ModelFault::OtherKind,
            ModelFault::Setting { setting: name() },
            ModelFault::Format { format: name() },
        ];
        let request_faults = [
            RequestFault::Size { multiple_px: 8 },
            RequestFault::Steps {
                steps: 2000,
                steps_max: 999,
            },
            RequestFault::Setting { setting: name() },
            RequestFault::NoPictures,
            RequestFault::NothingToAdapt,
            RequestFault::Prompt,
            RequestFault::NameUnknown { name: name() },
            RequestFault::Input {
                input: name(),
                found: Some(vec![2, 5]),
                wanted: vec![None, Some(6)],
            },
            RequestFault::Input {
                input: name(),
                found: None,
                wanted: vec![None, Some(6)],
            },
            RequestFault::Tokens {
                input: name(),
                vocabulary: 10,
            },
            RequestFault::Missing { what: name() },
        ];
        let file = || NAME.into();
        let mut failures = vec![
            Failure::OutOfMemory,
            Failure::FileUnsafe { file: file() },
            Failure::FileMissing { file: file() },
            Failure::LoraMismatch {
                file: file(),
                matched: 1,
                layers: 2,
                missing: vec![name()],
            },
            Failure::LoraForOtherModel {
                file: file(),
                made_for: name(),
                model: name(),
            },
            Failure::DiskFull { file: file() },
            Failure::LossNotFinite { step: 2, kept: Some(1) },
            Failure::Internal {
                message: "called `Option::unwrap()` on a `None` value".into(),
            },
        ];
        failures.extend(file_faults.map(|fault| Failure::FileInvalid { file: file(), fault }));
        failures.extend(model_faults.map(|fault| Failure::ModelUnsupported { file: file(), fault }));
        failures.extend(request_faults.map(|fault| Failure::RequestInvalid { fault }));
        failures
    }

    /// English words of a sentence: Latin letters that no name brought, and that are no name of a format, a program or a unit.
    fn english(sentence: &str) -> Vec<&str> {
        let names = [
            NAME,
            "safetensors",
            "LoRA",
            "SD",
            "SDXL",
            "MB",
            "px",
            "Atelier",
            "pickle",
        ];
        sentence
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(|word| !word.is_empty() && !names.contains(word))
            .collect()
    }

    #[test]
    fn no_failure_of_the_worker_is_told_in_another_language_than_the_persons() {
        for failure in failures() {
            let sentence = refusal(&failure).sentence(Language::Ko);
            assert!(english(&sentence).is_empty(), "{failure:?}: {sentence}");
        }
    }

    #[test]
    fn no_end_of_the_worker_is_told_in_another_language_than_the_persons() {
        let endings = [(Some(1), None), (None, Some(9)), (None, None)].map(|(code, signal)| Ending {
            code,
            signal,
            last_lines: vec!["error while loading shared libraries: libcublas.so.13".into()],
        });
        for ending in endings {
            let reason = of_client(&ClientError::Ended(ending));
            let refusal = Refusal::WorkerCrashed { attempts: 4, reason };
            let sentence = refusal.sentence(Language::Ko).replace("`atelier doctor`", "");
            assert!(english(&sentence).is_empty(), "{sentence}");
        }
    }

    #[test]
    fn an_input_of_another_shape_is_told_with_both() {
        let fault = RequestFault::Input {
            input: "time_ids".into(),
            found: Some(vec![2, 5]),
            wanted: vec![None, Some(6)],
        };
        let said = refusal(&Failure::RequestInvalid { fault }).sentence(Language::En);
        assert!(
            said.contains("time_ids") && said.contains("[2, 5]") && said.contains("[*, 6]"),
            "{said}"
        );
    }
}

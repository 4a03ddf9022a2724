//! Single-file checkpoints in the original naming hold the same models.

use std::collections::BTreeMap;
use std::path::Path;

use atelier_engine::model::Model;
use atelier_engine::weights::{SafeTensors, save};
use candle_core::{DType, Device, Tensor};

use crate::golden::{ARCHITECTURES, path};
use crate::parts;

/// Part, names that are joined, whether the whole is transposed then, and its shape in the single file.
type Row = (String, Vec<String>, bool, Vec<usize>);

/// Writes the small model of an architecture as a single file.
fn write_single_file(architecture: &str, file: &Path) {
    let names = std::fs::read_to_string(path(&format!("{architecture}-original-names.json"))).expect("recorded names");
    let rows: BTreeMap<String, Row> = serde_json::from_str(&names).expect("rows");
    let mut parts = BTreeMap::new();
    let tensors = rows.into_iter().map(|(original, (part, names, transposed, shape))| {
        let parts = parts.entry(part.clone()).or_insert_with(|| {
            let base = if part.starts_with("text") {
                "model"
            } else {
                "diffusion_pytorch_model"
            };
            let file = path(&format!("{architecture}-tiny/{part}/{base}.safetensors"));
            SafeTensors::open(&file).expect("weights")
        });
        let load = |name: &String| parts.load(name, DType::F16).expect("a tensor");
        let mut tensor = Tensor::cat(&names.iter().map(load).collect::<Vec<_>>(), 0).expect("joined");
        if transposed {
            tensor = tensor.t().and_then(|tensor| tensor.contiguous()).expect("transposed");
        }
        (original, tensor.reshape(shape).expect("the recorded shape"))
    });
    save(file, &tensors.collect(), &BTreeMap::new()).expect("written");
}

#[test]
fn a_single_file_computes_what_the_folder_computes() {
    let folder = tempfile::tempdir().expect("a folder");
    for architecture in ARCHITECTURES {
        let file = folder.path().join(format!("{architecture}.safetensors"));
        write_single_file(architecture, &file);
        let model = Model::load(&file, &Device::Cpu, DType::F32).expect("the single file loads");
        assert_eq!(model.architecture.name(), architecture);
        parts::compare(&model, architecture);
    }
}

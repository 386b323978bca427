//! The shipped library: the losses that come with the compiler, by name.
//!
//! In come files under `losses/` at build time, out come their texts: one loss a file, named as the
//! file is, in a folder named after its field.

/// A file of the shipped library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// The name of the loss that it defines.
    pub name: &'static str,
    /// The folder that it lies in.
    pub field: &'static str,
    /// Its path under `losses/`, with forward slashes.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! shipped {
    ($($field:literal: $($name:literal)+;)+) => {
        /// Every shipped loss, by field, then by name.
        pub const LOSSES: &[Shipped] = &[$($(Shipped {
            name: $name,
            field: $field,
            path: concat!($field, "/", $name, ".loss"),
            text: include_str!(concat!("../losses/", $field, "/", $name, ".loss")),
        },)+)+];
    };
}

shipped! {
    "classification":
        "asymmetric_multilabel" "binary_cross_entropy" "binary_cross_entropy_with_logits"
        "cross_entropy" "earth_mover_squared" "focal" "generalized_cross_entropy"
        "hard_example_cross_entropy" "hinge" "multilabel_soft_margin" "negative_log_likelihood"
        "probit_nll" "sigmoid_focal" "soft_cross_entropy" "soft_margin" "softmax_squared_error"
        "squared_hinge" "z_loss";
    "combined":
        "multi_task";
    "detection":
        "giou" "iou";
    "distribution":
        "distillation" "kl_divergence" "mixture_density" "variational_kl";
    "metric":
        "barlow_twins" "contrastive" "cosface" "cosine_embedding" "info_nce" "triplet_margin";
    "policy":
        "dpo" "policy_gradient";
    "ranking":
        "auc_squared_hinge" "lambdarank" "listmle" "listnet" "margin_ranking" "ranknet";
    "regression":
        "absolute_error" "barron" "beta_nll" "cauchy" "charbonnier" "gamma_nll" "gaussian_nll"
        "geman_mcclure" "half_squared_error" "huber" "laplace_nll" "log_cosh" "quantile"
        "quantiles" "ridge" "smooth_l1" "squared_error" "squared_log_error" "tweedie" "wing";
    "segmentation":
        "dice" "lovasz_hinge" "multiclass_dice" "total_variation";
}

/// The helper functions that every file sees.
pub const PRELUDE: Shipped = Shipped {
    name: "prelude",
    field: "",
    path: "prelude.loss",
    text: include_str!("../losses/prelude.loss"),
};

/// The shipped loss of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Shipped> {
    LOSSES.iter().find(|shipped| shipped.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn files_under(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).expect("losses/ can be read") {
            let path = entry.expect("losses/ can be listed").path();
            if path.is_dir() {
                files_under(&path, found);
            } else {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("losses");
                let path = path.strip_prefix(root).expect("it lies under losses/").to_owned();
                found.push(path.to_str().expect("paths are UTF-8").replace('\\', "/"));
            }
        }
    }

    #[test]
    fn every_file_under_losses_is_in_the_table() {
        let mut files = Vec::new();
        files_under(&Path::new(env!("CARGO_MANIFEST_DIR")).join("losses"), &mut files);
        files.sort();
        let mut table: Vec<_> =
            LOSSES.iter().chain([&PRELUDE]).map(|shipped| shipped.path.to_owned()).collect();
        table.sort();
        assert_eq!(files, table);
    }

    #[test]
    fn the_table_is_sorted_and_its_names_are_unique() {
        let keys: Vec<_> = LOSSES.iter().map(|shipped| (shipped.field, shipped.name)).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        let names: std::collections::HashSet<_> =
            LOSSES.iter().map(|shipped| shipped.name).collect();
        assert_eq!(names.len(), LOSSES.len());
    }

    #[test]
    fn a_name_finds_the_file_that_defines_it() {
        for shipped in LOSSES {
            assert_eq!(find(shipped.name), Some(shipped));
            let definition = format!("loss {}(", shipped.name);
            assert!(shipped.text.contains(&definition), "{} lacks `{definition}`", shipped.path);
        }
        assert_eq!(find("prelude"), None);
        assert_eq!(find("crossentropy"), None);
    }
}

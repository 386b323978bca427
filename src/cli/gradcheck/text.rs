//! A report for people.

use lossc::study::gradcheck::{Against, InputReport, Worst};

use super::Checked;

/// How many reasons for leaving out are listed.
const REASONS: usize = 8;

/// Some lines for a loss.
pub(super) fn write(checked: &Checked) -> String {
    let report = &checked.report;
    let verdict = if report.passed() { "gradients agree" } else { "GRADIENTS DIFFER" };
    let mut text = format!(
        "{}: {verdict}, {} points in {}, seed {}\n",
        report.loss,
        report.samples,
        report.dtype(),
        report.seed
    );
    for input in &report.inputs {
        text += &write_input(input, checked);
    }
    text
}

fn write_input(input: &InputReport, checked: &Checked) -> String {
    let mut text = format!(
        "  {}: {} elements compared, {} with dual numbers, {} with differences",
        input.name, input.compared, input.with_duals, input.with_differences
    );
    if input.failed > 0 {
        text += &format!("; {} differ", input.failed);
    }
    text.push('\n');
    let listed = input.left_out.iter().take(REASONS);
    for left_out in listed {
        text += &format!("    left out {}: {}\n", left_out.points, left_out.kink);
    }
    if input.left_out.len() > REASONS {
        text += &format!("    left out for {} other reasons\n", input.left_out.len() - REASONS);
    }
    match &input.worst {
        Some(worst) => text += &write_worst(input, worst, checked),
        None => text += "    nothing could be compared\n",
    }
    text
}

fn write_worst(input: &InputReport, worst: &Worst, checked: &Checked) -> String {
    let finding = &worst.finding;
    let against = match finding.against {
        Against::Duals => "dual numbers",
        Against::StableDuals => "dual numbers of the stable form",
        Against::Differences => "differences",
    };
    let number =
        |value: Option<f64>| value.map_or("not compared".to_owned(), |it| format!("{it:?}"));
    let element = match worst.element.as_slice() {
        [] => String::new(),
        element => format!("{element:?}"),
    };
    let mut text = format!(
        "    worst: off by {:.1e} from {against}, {:.1e} is allowed; {}{element} of point {}\n",
        finding.relative_error, finding.tolerance, input.name, worst.sample
    );
    text += &format!(
        "      symbolic {:?}, dual {}, difference {}\n",
        finding.symbolic,
        number(finding.dual),
        number(finding.difference)
    );
    text += &format!("      {}\n", command(input, worst, checked));
    text
}

/// What meets the point again.
pub(super) fn command(input: &InputReport, worst: &Worst, checked: &Checked) -> String {
    let report = &checked.report;
    format!(
        "echo '{}' | lossc run {} --loss {} --data - --dtype {} --wrt {} --unchecked",
        worst.inputs,
        checked.file,
        report.loss,
        report.dtype(),
        input.name
    )
}

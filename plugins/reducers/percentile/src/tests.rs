use super::*;

#[test]
fn the_laws_hold() {
    for percent in [0.0, 33.3, 95.0, 100.0] {
        streamgauge_sdk::laws::check::<Percentile>(&[Literal::Float64(percent)]);
    }
}

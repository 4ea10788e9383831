#[test]
fn clean() {
    drop(runners::deserted());
}

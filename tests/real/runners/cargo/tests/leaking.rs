#[test]
fn leaking() {
    std::mem::forget(runners::deserted());
}

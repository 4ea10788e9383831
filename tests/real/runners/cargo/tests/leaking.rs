#[test]
fn leaking() {
    for _ in 0..2 {
        std::mem::forget(runners::deserted());
    }
}

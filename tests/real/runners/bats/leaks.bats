setup_file() {
	cc -g -o "$BATS_FILE_TMPDIR/tidy" ../tidy.c
	cc -g -o "$BATS_FILE_TMPDIR/leaking" ../leaking.c
}

@test "tidy" {
	$WRAPPER "$BATS_FILE_TMPDIR/tidy"
}

@test "leaking" {
	$WRAPPER "$BATS_FILE_TMPDIR/leaking"
}

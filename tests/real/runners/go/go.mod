module example.invalid/runners

go 1.18

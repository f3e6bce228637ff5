module profd.test/runaway

go 1.18

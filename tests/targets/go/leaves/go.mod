module profd.test/leaves

go 1.18

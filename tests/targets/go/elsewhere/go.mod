module profd.test/elsewhere

go 1.18

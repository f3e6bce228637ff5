module profd.test/honest

go 1.18

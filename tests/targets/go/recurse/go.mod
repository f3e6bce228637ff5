module profd.test/recurse

go 1.16

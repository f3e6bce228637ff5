module profd.test/goroutines

go 1.16

module profd.test/server

go 1.16

module profd.test/maps

go 1.16

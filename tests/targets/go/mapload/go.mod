module profd.test/mapload

go 1.16

module profd.test/maplibraries

go 1.23

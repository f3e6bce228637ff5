module profd.test/labels

go 1.18

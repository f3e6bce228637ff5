module profd.test/callc

go 1.18

module profd.test/selfprofile

go 1.18

"""What a run left: files, all of them functions of the run and its verdict."""

"""What everything else uses: files, clocks, hashes, pictures, processes."""

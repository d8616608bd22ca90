"""The trusted side: it draws problems, knows the answers, compares and scores; it never imports a submission."""

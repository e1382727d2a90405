"""Commands about the installation: doctor, migrate, bus."""

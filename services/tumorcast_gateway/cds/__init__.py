"""CDS Hooks 2.0 (https://cds-hooks.hl7.org/2.0): prognoses as cards beside the chart. No card orders anything."""

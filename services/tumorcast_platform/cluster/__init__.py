"""What ``tumorcast platform`` knows of a Kubernetes cluster; objects are plain dicts, as the API sends them."""

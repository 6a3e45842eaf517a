"""The model beside the published study's figures."""
